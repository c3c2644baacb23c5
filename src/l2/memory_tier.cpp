#include "l2/memory_tier.hpp"

#include <functional>
#include <utility>

namespace tiercel::l2 {

memory_shelf::shard& memory_shelf::shard_of(std::string_view name) noexcept
{
    return shards_[std::hash<std::string_view>()(name) % shard_count];
}

// REQUIRES: the shard is locked.
void memory_shelf::shard::drop(std::list<item>::iterator i)
{
    size -= size_of(*i);
    by_name.erase(i->name);
    by_age.erase(i);
}

memory_shelf::value memory_shelf::find(std::string_view name, instant now)
{
    shard& s = shard_of(name);
    const std::lock_guard lock(s.mutex);
    const auto found = s.by_name.find(name);
    if (found == s.by_name.end()) { return nullptr; }
    const auto i = found->second;
    if (i->expires <= now) {
        s.drop(i);
        return nullptr;
    }
    return i->bytes;
}

void memory_shelf::put(std::string name, value v, instant expires)
{
    shard& s = shard_of(name);
    std::list<item> fresh;   // allocated outside the lock
    fresh.push_back({.name = std::move(name), .bytes = std::move(v), .expires = expires});
    const auto i = fresh.begin();
    if (size_of(*i) > shard_limit_) { return; }
    const std::lock_guard lock(s.mutex);
    if (const auto old = s.by_name.find(i->name); old != s.by_name.end()) { s.drop(old->second); }
    while (s.size + size_of(*i) > shard_limit_) { s.drop(s.by_age.begin()); }
    s.size += size_of(*i);
    s.by_age.splice(s.by_age.end(), fresh);
    s.by_name.emplace(i->name, i);
}

void memory_shelf::erase(std::string_view name)
{
    shard& s = shard_of(name);
    const std::lock_guard lock(s.mutex);
    if (const auto found = s.by_name.find(name); found != s.by_name.end()) { s.drop(found->second); }
}

byte_count memory_shelf::size() const
{
    byte_count sum = 0;
    for (const shard& s : shards_) {
        const std::lock_guard lock(s.mutex);
        sum += s.size;
    }
    return sum;
}

async::task<result<std::optional<std::string>>> memory_tier::read(std::string name)
{
    const memory_shelf::value found = shelf_->find(name, time_.now());
    if (!found) { co_return std::optional<std::string>(); }
    co_return std::optional<std::string>(*found);
}

async::task<std::vector<result<std::optional<std::string>>>> memory_tier::read_all(std::vector<std::string> names)
{
    std::vector<result<std::optional<std::string>>> all;
    for (std::string& name : names) {
        result<std::optional<std::string>> one = co_await read(std::move(name));
        all.push_back(std::move(one));
    }
    co_return all;
}

void memory_tier::write(std::string name, std::string bytes, milliseconds life, write_handler done)
{
    shelf_->put(std::move(name), std::make_shared<const std::string>(std::move(bytes)), time_.now() + life);
    done(std::nullopt);
}

void memory_tier::erase(std::string name, write_handler done)
{
    shelf_->erase(name);
    done(std::nullopt);
}

}  // namespace tiercel::l2
