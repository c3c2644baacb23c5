#include "flow/l2_lookup.hpp"

#include "cache/vary_index.hpp"
#include "flow/keep.hpp"
#include "flow/standing.hpp"
#include "flow/variants.hpp"

#include <string>
#include <utility>
#include <vector>

namespace tiercel::flow {

namespace {

// Under which an answer to the request may lie, one for each list of selecting fields.
std::vector<l2::wanted> keys_of_variants(const request& rq, const entry& descriptor, const process_context& p)
{
    std::vector<l2::wanted> all;
    for (const vary_list names : vary_lists_of(descriptor)) {
        std::string key(rq.key);
        append_generation(key, generation_of(descriptor));
        append_selection(key, rq, names, p);
        const hash128 seeded = seeded_hash(key, p.hash_seed);
        all.push_back({std::move(key), seeded});
    }
    return all;
}

}  // namespace

async::task<l2_answer> read_l2(const request& rq, worker_context& cx)
{
    process_context& p = cx.process;
    l2_answer a;
    l2::found_entry found = co_await cx.l2->get(rq.tenant, rq.key, rq.hash);
    a.stored = found.stored;
    a.failed = found.failed;
    if (a.stored != nullptr) {
        a.stored = as_it_stands(found.stored, p.time.now(), p);
        a.is_outdated = a.stored != found.stored;
    }
    if (a.stored == nullptr) {
        co_return a;
    }
    if (!a.stored->is(entry_flag::vary_descriptor)) {
        co_return a;
    }
    a.descriptor = std::move(a.stored);
    a.stored = nullptr;
    promote_descriptor(a.descriptor, rq, cx);
    const std::vector<l2::wanted> keys = keys_of_variants(rq, *a.descriptor, p);
    const l2::found_entries variants = co_await cx.l2->get_all(rq.tenant, keys);
    a.failed = variants.failed;
    for (const entry_ptr& one : variants.stored) {
        const entry_ptr variant = one != nullptr ? as_it_stands(one, p.time.now(), p) : nullptr;
        if (variant != nullptr && (a.stored == nullptr || variant->date().value_or(0) > a.stored->date().value_or(0))) {
            a.stored = variant;
            a.is_outdated = variant != one;
        }
    }
    co_return a;
}

async::task<l2_answer> find_in_l2(const request& rq, worker_context& cx)
{
    l2_answer found = co_await read_l2(rq, cx);
    const instant now = cx.process.time.now();
    found.usable = found.stored != nullptr &&
                   reuse_of(found.stored.get(), rq, now, cx.process).what == action::serve &&
                   promote(found.stored, cx, now);
    co_return found;
}

}  // namespace tiercel::flow
