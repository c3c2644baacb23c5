#include "l2/l2_store.hpp"

#include "l2/entry_store.hpp"
#include "l2/fill_lease.hpp"
#include "l2/memory_tier.hpp"
#include "l2/redis_tier.hpp"
#include "l2/wake_board.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace tiercel::l2 {
namespace {

constexpr byte_count shared_memory_limit = 256_MiB;

template <class Enum, std::size_t N>
std::string_view look_up(const std::array<std::string_view, N>& names, Enum e) noexcept
{
    static_assert(N == static_cast<std::size_t>(Enum::last_));
    const auto i = static_cast<std::size_t>(e);
    return i < N ? names[i] : "unknown";
}

class no_store final : public store {
public:
    void start() override {}
    async::task<> stop() override { co_return; }
    async::task<found_entry> get(std::string_view, std::string_view, const hash128&) override { co_return found_entry(); }
    async::task<found_entries> get_all(std::string_view, std::span<const wanted> keys) override
    {
        found_entries none;
        none.stored.resize(keys.size());
        co_return none;
    }
    async::task<lookup> look_up(std::span<const scope_hash>) override { co_return lookup::unreachable; }
    void put(std::string_view, const entry_ptr&) override {}
    void remove(std::string_view, std::string_view) override {}
    bool has_locks() const override { return false; }
    async::task<lock_attempt> try_lock(std::string_view, std::string_view, const hash128&, milliseconds) override
    {
        co_return lock_attempt();
    }
    void commit(fill_lease&, std::string_view, std::span<const entry_ptr>) override {}
    std::shared_ptr<wake_board> wakes() const override { return nullptr; }
    byte_count largest_content() const override { return 0; }
    state current() const override { return state::off; }
    void set_timeout(milliseconds) override {}
};

}  // namespace

std::string_view name_of(op o) noexcept
{
    static constexpr std::array<std::string_view, 8> names{"get", "set", "del", "lock", "renew", "commit", "release", "lookup"};
    return look_up(names, o);
}

std::string_view name_of(reason r) noexcept
{
    static constexpr std::array<std::string_view, 10> names{"down",     "timeout", "reply", "breaker",   "overload",
                                                            "checksum", "version", "key",   "too_large", "table"};
    return look_up(names, r);
}

reason reason_of(errc e) noexcept
{
    switch (e) {
        case errc::redis_timeout: return reason::timeout;
        case errc::redis_breaker: return reason::breaker;
        case errc::redis_overload: return reason::overload;
        case errc::redis_reply: return reason::reply;
        default: return reason::down;
    }
}

lock_attempt::lock_attempt() = default;
lock_attempt::lock_attempt(lock_attempt&&) noexcept = default;
lock_attempt& lock_attempt::operator=(lock_attempt&&) noexcept = default;
lock_attempt::~lock_attempt() = default;

std::string_view name_of(state s) noexcept
{
    static constexpr std::array<std::string_view, 4> names{"off", "connecting", "up", "open"};
    return look_up(names, s);
}

std::shared_ptr<memory_shelf> make_shared_memory(const l2_options& o)
{
    if (o.kind != kind::memory) { return nullptr; }
    return std::make_shared<memory_shelf>(shared_memory_limit);
}

std::shared_ptr<wake_board> make_wake_board() { return std::make_shared<wake_board>(); }

std::unique_ptr<store> make_store(const l2_options& o, store_context context)
{
    if (!context.wakes) { context.wakes = make_wake_board(); }
    std::unique_ptr<tier> t;
    switch (o.kind) {
        case kind::none: return std::make_unique<no_store>();
        case kind::memory: {
            auto shelf = context.memory ? std::move(context.memory) : make_shared_memory(o);
            t = std::make_unique<memory_tier>(std::move(shelf), context.time);
            break;
        }
        case kind::redis: t = std::make_unique<redis_tier>(o, context); break;
    }
    return std::make_unique<entry_store>(o, context, std::move(t));
}

}  // namespace tiercel::l2
