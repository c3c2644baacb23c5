#include <tiercel/scope.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace tiercel {
namespace {

// Scope hashes are stored in L2 and travel in events, so they are the same in every process. "scope001" in ASCII.
constexpr std::uint64_t scope_seed = 0x73636f7065303031;

std::uint64_t hash(std::string_view bytes, std::uint64_t seed) noexcept
{
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace

scope_hash hash_scope(scope_kind kind, std::string_view tenant, std::string_view name) noexcept
{
    // Each part is hashed under what came before it, so where one ends and the next begins is not in question.
    return hash(name, hash(tenant, scope_seed + static_cast<std::uint64_t>(kind)));
}

// Why the orders suffice. One raise at a time: first the buckets, then, with release, `applied_`. A reader who loads
// applied() == a (acquire) therefore sees every bucket of every raise up to a. If it finds an entry good and remembers a,
// any raise that it may have missed has a sequence above a; `applied_` then differs from a, and the entry is judged again.
// A fetch that reads a as its stamp while raise a + 1 is half done is stamped too old: one refetch, never a stale answer.
sequence validity::raise(scope_hash scope, sequence at_least) noexcept { return raise(std::span(&scope, 1), at_least); }

sequence validity::raise(std::span<const scope_hash> scopes, sequence at_least) noexcept
{
    const std::lock_guard guard(raising_);
    const sequence next = std::max(applied_.load(std::memory_order_relaxed) + 1, at_least);
    for (const scope_hash scope : scopes) {
        bucket_of(scope).store(next, std::memory_order_relaxed);
    }
    applied_.store(next, std::memory_order_release);
    return next;
}

bool validity::is_valid(std::span<const scope_hash> scopes, sequence stamp) const noexcept
{
    for (const scope_hash scope : scopes) {
        if (bucket_of(scope).load(std::memory_order_relaxed) > stamp) { return false; }
    }
    return true;
}

}  // namespace tiercel
