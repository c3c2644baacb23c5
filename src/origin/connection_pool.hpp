#pragma once

// The connections of one loop to one endpoint: idle ones are kept newest first, new ones are opened within the endpoint's
// cap. Last in, first out, so that the busy ones stay warm and the others age out; but those that came back only
// now come after those that rested, of which the loop knows whether anything has come on them.
// Thread: the loop's only. REQUIRES: outlives every connection it gave out.

#include "origin/connection.hpp"
#include "origin/endpoint.hpp"
#include "origin/options.hpp"

#include <boost/intrusive/list.hpp>

#include <memory>
#include <vector>

namespace tiercel::origin {

class connection_pool {
public:
    connection_pool(async::loop& l, endpoint& where, const origin_options& options);
    ~connection_pool();
    connection_pool(const connection_pool&) = delete;
    connection_pool& operator=(const connection_pool&) = delete;

    // An idle connection, which may have ended meanwhile: who uses it finds that out first (is_quiet, has_rested). nullptr when there
    // is none.
    std::unique_ptr<connection> try_take_idle(steady::time_point now);
    // A new one, or one that came free while we waited for our turn.
    // Errors: origin_busy, origin_refused, origin_connect_timeout, origin_tls, origin_unresolved, draining.
    async::task<result<std::unique_ptr<connection>>> open(steady::time_point deadline);

    // A connection whose exchange left it clean. `announced`: how long the origin said it keeps it, negative if it did
    // not. Whoever is done with any other connection just destroys it.
    void give_back(std::unique_ptr<connection> c, seconds announced);

    // Why the last handshake failed. To be asked as soon as open() has ended with origin_tls.
    const std::string& tls_problem() const noexcept { return tls_problem_; }

    void drop_idle() noexcept;
    // Ends what is under way, with draining; for the end of a drain that took too long.
    void abort() noexcept;
    void drop_oldest_idle() noexcept;
    std::size_t idle() const noexcept { return idle_.size(); }

private:
    friend class connection;
    void expire(connection& c) noexcept;   // its idle time is over
    bool leads_there(connection& c) const;   // still, although names may have changed
    std::size_t count_rested() const noexcept;
    std::unique_ptr<connection> remove_idle(std::size_t at);
    void publish_idle() noexcept { holder_->idle.store(idle_.size(), std::memory_order_relaxed); }
    steady::duration life() noexcept;

    async::loop& loop_;
    endpoint& endpoint_;
    const origin_options& options_;
    tls_memory tls_memory_;                           // before the connections that use it
    std::string tls_problem_;
    boost::intrusive::list<connection, boost::intrusive::constant_time_size<false>> live_;   // all of them, idle ones too
    std::vector<std::unique_ptr<connection>> idle_;   // newest last
    std::shared_ptr<connection_slots::idle_holder> holder_;
    std::uint64_t random_;
};

}  // namespace tiercel::origin
