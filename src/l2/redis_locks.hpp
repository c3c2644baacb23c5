#pragma once

#include "l2/lock_keeper.hpp"
#include "redis/client.hpp"
#include "redis/script.hpp"

#include <string>

namespace tiercel::l2 {

class redis_locks final : public lock_keeper {
public:
    // `channel`: where news are published. The client outlives this.
    redis_locks(async::loop& loop, redis::client& c, std::string channel)
        : client_(c), channel_(std::move(channel)), settled_(loop.context(), loop.wheel()) {}

    async::task<result<attempted>> try_lock(attempt a) override;
    void renew(lock_names names, std::string token, milliseconds lease, handler done) override;
    void finish(ending e, handler done) override { finish(redis::lane::write, std::move(e), std::move(done)); }

    // Waits until all that was begun has been answered, so that no lock outlives the process for want of a word.
    async::task<> settle(async::steady::time_point limit);

private:
    void finish(redis::lane l, ending e, handler done);
    void run(redis::lane l, redis::script_call c, handler done);

    redis::client& client_;
    std::string channel_;
    async::event settled_;
    std::size_t running_ = 0;
};

}  // namespace tiercel::l2
