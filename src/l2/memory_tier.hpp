#pragma once

// The shared tier without Redis: a map in this process, for tests and trials. Holds the same bytes as Redis would.

#include "l2/tier.hpp"

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tiercel::l2 {

// Bytes under names, bounded; what was put first goes first. Thread: any; sharded by name, one lock per call, and only pointers
// move under it.
class memory_shelf {
public:
    using value = std::shared_ptr<const std::string>;

    explicit memory_shelf(byte_count limit) : shard_limit_(limit / shard_count) {}

    value find(std::string_view name, instant now);   // null when absent or expired
    void put(std::string name, value v, instant expires);
    void erase(std::string_view name);
    byte_count size() const;                          // names and values held now

private:
    static constexpr std::size_t shard_count = 16;
    struct item {
        std::string name;
        value bytes;
        instant expires;
    };
    struct shard {
        mutable std::mutex mutex;
        std::list<item> by_age;                                                // oldest first; owns the names
        std::unordered_map<std::string_view, std::list<item>::iterator> by_name;
        byte_count size = 0;

        void drop(std::list<item>::iterator i);
    };

    static byte_count size_of(const item& i) noexcept { return i.name.size() + i.bytes->size(); }
    shard& shard_of(std::string_view name) noexcept;

    byte_count shard_limit_;
    std::array<shard, shard_count> shards_;
};

class memory_tier final : public tier {
public:
    memory_tier(std::shared_ptr<memory_shelf> shelf, const clock& time) : shelf_(std::move(shelf)), time_(time) {}

    void start() override {}
    async::task<> stop() override { co_return; }
    std::optional<errc> read_refusal() const override { return std::nullopt; }
    std::optional<errc> write_refusal() const override { return std::nullopt; }
    async::task<result<std::optional<std::string>>> read(std::string name) override;
    async::task<std::vector<result<std::optional<std::string>>>> read_all(std::vector<std::string> names) override;
    void write(std::string name, std::string bytes, milliseconds life, write_handler done) override;
    void erase(std::string name, write_handler done) override;
    std::optional<milliseconds> shared_minus_local() const override { return milliseconds(0); }   // one process, one clock
    state current() const override { return state::up; }
    void set_timeout(milliseconds) override {}

private:
    std::shared_ptr<memory_shelf> shelf_;
    const clock& time_;
};

}  // namespace tiercel::l2
