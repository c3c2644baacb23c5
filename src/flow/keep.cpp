#include "flow/keep.hpp"

#include "cache/vary_index.hpp"
#include "flow/reply.hpp"
#include "http/http_date.hpp"
#include "http/vary.hpp"
#include "rules/merge.hpp"

#include <tiercel/check.hpp>

#include <algorithm>

namespace tiercel::flow {
namespace {

std::int64_t unix_seconds(wall_time t)
{
    return std::chrono::floor<seconds>(t).time_since_epoch().count();
}

std::optional<std::int64_t> date_of(const response_head& rs, header h, wall_time now)
{
    return rs.has(h) ? parse_http_date(rs.first(h), unix_seconds(now)) : std::nullopt;
}

void finish_storable(storable& s, const response_head& rs, const fetch_times& when)
{
    s.status = rs.status;
    s.etag = rs.first(header::etag);
    s.last_modified = date_of(rs, header::last_modified, when.received_wall);
    s.date = date_of(rs, header::date, when.received_wall);
    if (!s.date) {
        s.date = unix_seconds(when.received_wall);
    }
}

scope_hash url_scope(const request& rq)
{
    return hash_scope(scope_kind::url, rq.tenant, rq.key);
}

entry_ptr build(const storable& s, const request& rq, milliseconds delta, std::string_view head, std::string_view small,
                body_ptr content, const process_context& p)
{
    const scope_hash scopes[] = {url_scope(rq)};
    entry_parts parts;
    parts.key = s.key;
    parts.hash = seeded_hash(s.key, p.hash_seed);
    parts.times = s.verdict.times;
    parts.times.delta = delta;
    parts.flags = s.verdict.flags;
    parts.stamp = s.stamp;
    parts.status = s.status;
    parts.scopes = scopes;
    parts.head = head;
    parts.etag = s.etag;
    parts.last_modified = s.last_modified;
    parts.date = s.date;
    parts.small_body = small;
    parts.content = std::move(content);
    return entry::make(parts);
}

// How long L1 answers without asking L2 whether it knows better.
void set_revisit(const entry& e, const worker_context& cx, instant now, milliseconds after)
{
    if (cx.l2 != nullptr) {
        e.revisit().store((now + after).time_since_epoch().count(), std::memory_order_relaxed);
    }
}

// The list of selecting fields under the primary key, kept as long as the answer that it leads to.
void keep_descriptor(const entry& answer, const std::vector<std::string>& selecting, const request& rq, worker_context& cx)
{
    process_context& p = cx.process;
    entry_ptr old = p.l1.find(rq.key, rq.hash, rq.now);
    if (old != nullptr && !old->is(entry_flag::vary_descriptor)) {
        old = nullptr;
    }
    std::vector<std::string_view> names(selecting.begin(), selecting.end());
    if (old != nullptr) {
        const vary_lists lists = vary_lists_of(*old);
        const auto first = lists.begin();
        if (first != lists.end() && std::ranges::equal(*first, names) &&
            old->times().fresh_until >= answer.times().fresh_until) {
            return;   // says it already, and for long enough
        }
    }
    const auto scopes = answer.scopes();
    entry_parts base;
    base.key = rq.key;
    base.hash = rq.hash;
    base.times = answer.times();
    base.stamp = answer.stamp();
    base.scopes = scopes;
    const entry_ptr made = make_vary_descriptor(base, old.get(), names);
    p.l1.put(made, rq.now);
    if (cx.l2 != nullptr) {
        cx.l2->put(rq.tenant, made);
    }
}

}  // namespace

std::string variant_key(const request& rq, const std::vector<std::string>& selecting)
{
    std::string key(rq.key);
    for (const std::string& name : selecting) {
        const auto value = selecting_value(rq.head, name, rq.route->caching.vary_languages);
        append_secondary(key, name, value.value_or(std::string()), value.has_value());
    }
    return key;
}

storable make_storable(const request& rq, const response_head& rs, storing_verdict verdict, sequence stamp,
                       const fetch_times& when)
{
    TIERCEL_CHECK(verdict.store);
    storable s;
    s.selecting = parse_vary(rs).names;
    s.key = variant_key(rq, s.selecting);
    s.head = storable_head(rs, verdict.drop_fields, when.received_wall);
    s.verdict = std::move(verdict);
    s.stamp = stamp;
    finish_storable(s, rs, when);
    return s;
}

entry_ptr make_entry(const storable& s, const request& rq, milliseconds delta, std::string_view small, body_ptr content,
                     const process_context& p)
{
    std::string head = s.head;
    if (s.status != 204) {
        append_length(head, content != nullptr ? content->size() : small.size());
    }
    return build(s, rq, delta, head, small, std::move(content), p);
}

updated_entry make_updated(const entry& old, const request& rq, const response_head& not_modified, const fetch_times& when,
                       sequence stamp, milliseconds delta, const process_context& p)
{
    auto updated = update_by_304(old, rq.head, rq.target.path, not_modified, rq.route->caching, when);
    if (!updated) {
        return {};
    }
    const head_block block(updated->head);
    storable s;
    s.selecting = parse_vary(block.head()).names;   // a 304 may change them
    s.key = variant_key(rq, s.selecting);
    s.verdict = std::move(updated->verdict);
    s.stamp = stamp;
    finish_storable(s, block.head(), when);
    entry_ptr e = build(s, rq, delta, updated->head, old.small_body(), old.content(), p);
    return {std::move(e), std::move(s.selecting)};
}

bool keep(entry_ptr e, const std::vector<std::string>& selecting, const request& rq, worker_context& cx)
{
    process_context& p = cx.process;
    if (!p.valid.is_valid(e->scopes(), e->stamp())) {
        return false;
    }
    set_revisit(*e, cx, rq.now, p.tiers.max_ttl);
    if (!selecting.empty()) {
        keep_descriptor(*e, selecting, rq, cx);
    }
    p.marks.clear(rq.hash);
    p.l1.put(e, p.time.now());
    // An invalidation between the check above and the put finds nothing to remove, but its sequence is later than the
    // stamp: the next lookup refuses the entry.
    if (cx.l2 != nullptr) {
        cx.l2->put(rq.tenant, std::move(e));
    }
    return true;
}

bool promote(const entry_ptr& e, worker_context& cx, instant now)
{
    process_context& p = cx.process;
    if (!p.valid.is_valid(e->scopes(), e->stamp())) {
        return false;
    }
    set_revisit(*e, cx, now, p.tiers.promote_ttl);
    p.l1.put(e, now);
    return true;
}

void invalidate_target(const request& rq, worker_context& cx)
{
    process_context& p = cx.process;
    if (rq.tenant.empty()) {
        return;
    }
    // Numbered by time in microseconds, so that what L2 still holds can be judged by when it was received.
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(p.time.now().time_since_epoch()).count();
    p.valid.raise(url_scope(rq), static_cast<sequence>(us));
    p.l1.remove(rq.key, rq.hash, cause::invalidated);
    if (cx.l2 != nullptr) {
        cx.l2->remove(rq.tenant, rq.key);
    }
}

}  // namespace tiercel::flow
