#include "l2/l2_store.hpp"

#include "l2/entry_store.hpp"
#include "l2/memory_tier.hpp"
#include "l2/redis_tier.hpp"

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
    async::task<entry_ptr> get(std::string_view, std::string_view, const hash128&, sequence) override { co_return nullptr; }
    void put(std::string_view, const entry_ptr&) override {}
    void supersede(std::string_view, const entry_ptr&) override {}
    void remove(std::string_view, std::string_view) override {}
    state current() const override { return state::off; }
    void set_timeout(milliseconds) override {}
};

}  // namespace

std::string_view name_of(op o) noexcept
{
    static constexpr std::array<std::string_view, 3> names{"get", "set", "del"};
    return look_up(names, o);
}

std::string_view name_of(reason r) noexcept
{
    static constexpr std::array<std::string_view, 9> names{"down",     "timeout",  "reply", "breaker",  "overload",
                                                           "checksum", "version", "key",   "too_large"};
    return look_up(names, r);
}

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

std::unique_ptr<store> make_store(const l2_options& o, store_context context)
{
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
    return std::make_unique<entry_store>(o, context.time, context.counts, std::move(t), context.valid);
}

}  // namespace tiercel::l2
