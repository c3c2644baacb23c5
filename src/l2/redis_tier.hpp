#pragma once

#include "l2/tier.hpp"
#include "redis/client.hpp"

namespace tiercel::l2 {

class redis_tier final : public tier {
public:
    // Throws std::invalid_argument when the URL cannot be used.
    redis_tier(const l2_options& o, const store_context& context);

    void start() override { client_.start(); }
    async::task<> stop() override { return client_.stop(); }
    std::optional<errc> read_refusal() const override { return client_.refusal(redis::lane::read); }
    std::optional<errc> write_refusal() const override { return client_.refusal(redis::lane::write); }
    async::task<result<std::optional<std::string>>> read(std::string name) override;
    void write(std::string name, std::string bytes, milliseconds life, write_handler done) override;
    void replace(std::string name, std::string bytes, write_handler done) override;
    void erase(std::string name, write_handler done) override;
    std::optional<milliseconds> shared_minus_local() const override { return client_.shared_minus_local(); }
    state current() const override;
    void set_timeout(milliseconds t) override { client_.set_timeout(t); }

private:
    void send(redis::command c, write_handler done);

    redis::client client_;
};

}  // namespace tiercel::l2
