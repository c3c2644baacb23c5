#pragma once

#include "coherence/log_scripts.hpp"
#include "l2/redis_locks.hpp"
#include "l2/tier.hpp"
#include "redis/client.hpp"
#include "redis/subscriber.hpp"

#include <optional>

namespace tiercel::l2 {

class redis_tier final : public tier {
public:
    // Throws std::invalid_argument when the URL cannot be used.
    redis_tier(const l2_options& o, const store_context& context);

    void start() override;
    async::task<> stop() override;
    std::optional<errc> read_refusal() const override { return client_.refusal(redis::lane::read); }
    std::optional<errc> write_refusal() const override { return client_.refusal(redis::lane::write); }
    async::task<result<std::optional<std::string>>> read(std::string name) override;
    async::task<std::vector<result<std::optional<std::string>>>> read_all(std::vector<std::string> names) override;
    async::task<result<lookup>> look_up(std::span<const scope_hash> scopes, validity& v) override;
    void write(std::string name, std::string bytes, milliseconds life, write_handler done) override;
    void erase(std::string name, write_handler done) override;
    lock_keeper* locks() override { return &locks_; }
    std::optional<milliseconds> shared_minus_local() const override { return client_.shared_minus_local(); }
    state current() const override;
    void set_timeout(milliseconds t) override;

private:
    redis_tier(const l2_options& o, const store_context& context, redis::client_options how);

    void send(redis::command c, write_handler done);

    async::loop& loop_;
    milliseconds timeout_;
    coherence::log_names log_names_;
    redis::client client_;
    redis_locks locks_;
    std::optional<redis::subscriber> wakes_;   // in one of the stores that share a board
};

}  // namespace tiercel::l2
