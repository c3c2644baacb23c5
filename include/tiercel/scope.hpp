#pragma once

// What can be invalidated, and the logical clock that says whether a stored answer is older than that.
//
// Each invalidation raises one number per scope; each entry carries the number that was applied when its fetch began
// (its stamp). An entry is valid iff none of its scopes was raised after its stamp. Nothing is searched or deleted, so
// every scope costs O(1), and a fill that was under way when the invalidation came loses by its stamp (the fence).

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>

namespace tiercel {

// `tag` holds for all hosts of a tenant, `group` (RFC 9875) for one origin. The numbers are part of the hashes.
enum class scope_kind : std::uint8_t { all, tenant, host, url, prefix, entity, entity_list, tag, group };

using scope_hash = std::uint64_t;
using sequence = std::uint64_t;

// Hash of kind, tenant and name. Collisions only invalidate too much. For `url` the name is the framed primary key, for `group`
// the origin's part of one and the group behind it.
scope_hash hash_scope(scope_kind kind, std::string_view tenant, std::string_view name) noexcept;

// Thread: all calls from any thread. Memory is constant: 4,096 maxima indexed by scope hash; two scopes in one bucket only
// cost a refetch. On a hit:
//
//     const sequence applied = v.applied();                         // before the check, never after
//     if (e.checked() != applied) {
//         if (!v.is_valid(e.scopes(), e.stamp())) { … }
//         e.checked() = applied;
//     }
class validity {
public:
    validity() = default;
    validity(const validity&) = delete;
    validity& operator=(const validity&) = delete;

    // The sequence that a fetch beginning now is stamped with.
    sequence applied() const noexcept { return applied_.load(std::memory_order_acquire); }
    // Raises the scope to a new sequence, of at least `at_least` (for callers who number by time); every entry stamped
    // before the returned sequence and bearing the scope is invalid from here on.
    sequence raise(scope_hash scope, sequence at_least = 0) noexcept;
    // The same for all scopes of one event, under one sequence.
    sequence raise(std::span<const scope_hash> scopes, sequence at_least = 0) noexcept;
    // Is a stored answer with these scopes and that stamp still good? Sees every raise that applied() has shown to this thread.
    bool is_valid(std::span<const scope_hash> scopes, sequence stamp) const noexcept;

private:
    static constexpr std::size_t bucket_count = 4096;

    std::atomic<sequence>& bucket_of(scope_hash s) noexcept { return buckets_[s % bucket_count]; }
    const std::atomic<sequence>& bucket_of(scope_hash s) const noexcept { return buckets_[s % bucket_count]; }

    alignas(64) std::atomic<sequence> applied_{1};   // read on every hit: alone on its cache line
    alignas(64) std::array<std::atomic<sequence>, bucket_count> buckets_{};
    std::mutex raising_;
};

}  // namespace tiercel
