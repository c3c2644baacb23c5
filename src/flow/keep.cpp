#include "flow/keep.hpp"

#include "cache/entry_copy.hpp"
#include "cache/expiry_wheel.hpp"
#include "cache/vary_index.hpp"
#include "flow/blind.hpp"
#include "flow/fence.hpp"
#include "flow/reply.hpp"
#include "flow/scopes.hpp"
#include "flow/variants.hpp"
#include "http/http_date.hpp"
#include "http/tags.hpp"
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

entry_ptr build(const storable& s, std::string_view key, milliseconds delta, std::string_view head,
                std::string_view small, body_ptr content, const process_context& p)
{
    entry_parts parts;
    parts.key = key;
    parts.hash = seeded_hash(key, p.hash_seed);
    parts.times = s.verdict.times;
    parts.times.delta = delta;
    parts.flags = s.verdict.flags;
    parts.stamp = stamp_of(s, p);
    parts.status = s.status;
    parts.scopes = s.scopes;
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
    if (cx.l2 != nullptr && is_blind(cx.process)) {
        e.note_blind_look(now);   // counts for ttl_when_blind; with the log followed again it is time for another at once
    } else if (cx.l2 != nullptr) {
        e.revisit_at(now + after);
    }
}

bool survives(const entry& e, const process_context& p) { return p.valid.survives(e.scopes(), e.stamp()); }

// The descriptor that counts: what L1 has, else what L2 had.
entry_ptr current_descriptor(const request& rq, const entry_ptr& known, const process_context& p)
{
    entry_ptr ours = p.l1.find(rq.key, rq.hash, rq.now);
    if (ours != nullptr && ours->is(entry_flag::vary_descriptor) && survives(*ours, p)) {
        return ours;
    }
    return known != nullptr && survives(*known, p) ? known : nullptr;
}

// Where an answer lies.
struct place {
    std::string key;
    detail refused = detail::none;
    entry_ptr descriptor{};      // when it has become another one: for L2
};

std::string key_of_variant(const request& rq, std::uint64_t generation, const std::vector<std::string>& selecting,
                           const process_context& p)
{
    std::string key(rq.key);
    append_generation(key, generation);
    key += selection_of(rq, selecting, p);
    return key;
}

bool says_already(const entry& descriptor, const std::vector<std::string_view>& names, const variant_note& n,
                  const entry_times& times)
{
    const vary_lists lists = vary_lists_of(descriptor);
    return !lists.empty() && std::ranges::equal(*lists.begin(), names) &&
           has_variant(descriptor, n.id, n.until - milliseconds(1)) && descriptor.times().fresh_until >= times.fresh_until &&
           descriptor.times().useless_from() >= times.useless_from();
}

// Finds the place of an answer, and notes it in the descriptor of the resource, in L1. What does not vary lies under the primary
// key, unless other answers of the resource do vary: then it is one of them, which matches every request.
place find_place(const storable& s, const request& rq, const l2_ties& ties, worker_context& cx)
{
    process_context& p = cx.process;
    const std::lock_guard one_writer(p.descriptors.mutex_of(rq.hash));
    const entry_ptr old = current_descriptor(rq, ties.descriptor, p);
    const instant now = p.time.now();
    if (s.selecting.empty() && (old == nullptr || count_variants(*old, now) == 0)) {
        return {std::string(rq.key)};
    }
    const std::uint64_t generation = old != nullptr ? generation_of(*old) : p.descriptors.new_generation();
    place at{key_of_variant(rq, generation, s.selecting, p)};
    const variant_note note{variant_id(at.key), useless_from(s.verdict.times, s.verdict.flags)};
    if (old != nullptr && !s.selecting.empty() && count_variants(*old, now) >= most_variants && !has_variant(*old, note.id, now)) {
        at.refused = detail::variants;
        return at;
    }
    // Both tiers must know: the descriptor may have gone from L2, and the answer is of no use there without it.
    const std::vector<std::string_view> names(s.selecting.begin(), s.selecting.end());
    const auto knows = [&](const entry_ptr& d) {
        return d != nullptr && generation_of(*d) == generation && says_already(*d, names, note, s.verdict.times);
    };
    if (knows(old) && (cx.l2 == nullptr || knows(ties.descriptor))) {
        return at;
    }
    const scope_hash scopes[] = {url_scope(rq)};
    entry_parts base;
    base.key = rq.key;
    base.hash = rq.hash;
    base.times = s.verdict.times;
    base.stamp = s.stamp;
    base.scopes = scopes;
    const entry_ptr made = make_vary_descriptor(base, generation, old.get(), names, note);
    p.l1.put(made, now);
    at.descriptor = made;
    return at;
}

std::string head_with_length(const storable& s, byte_count length)
{
    std::string head = s.head;
    if (s.status != 204) {
        append_length(head, length);
    }
    return head;
}

void write_to_l2(const entry_ptr& descriptor, const entry_ptr& answer, const request& rq, l2::fill_lease* lease, worker_context& cx)
{
    if (cx.l2 == nullptr) {
        return;
    }
    std::vector<entry_ptr> entries;
    if (descriptor != nullptr) {
        entries.push_back(descriptor);
    }
    entries.push_back(answer);
    if (lease != nullptr) {
        cx.l2->commit(*lease, rq.tenant, entries);
        return;
    }
    for (const entry_ptr& e : entries) {
        cx.l2->put(rq.tenant, e);
    }
}

kept keep_with_head(const storable& s, std::string_view head, const request& rq, milliseconds delta, std::string_view small,
                    body_ptr content, const l2_ties& ties, worker_context& cx)
{
    process_context& p = cx.process;
    // Not stored, it is shared all the same with those who wait and have the values that it was selected by.
    place at{s.selecting.empty() ? std::string(rq.key) : key_of_variant(rq, 0, s.selecting, p),
             s.flaw != detail::none ? s.flaw : detail::fence};
    if (s.flaw == detail::none && p.valid.is_valid(s.scopes, stamp_of(s, p))) {
        at = find_place(s, rq, ties, cx);
    }
    kept k{build(s, at.key, delta, head, small, std::move(content), p), at.refused};
    if (!k.stored()) {
        p.l1.hold(k.made->content());
        return k;
    }
    const instant now = p.time.now();
    set_revisit(*k.made, cx, now, p.tiers.max_ttl);
    p.marks.clear(rq.hash);
    p.l1.put(k.made, now);
    // An invalidation between the check above and the put finds nothing to remove, but its sequence is later than the
    // stamp: the next lookup refuses the entry, and L2 lets go of it when it has it.
    write_to_l2(at.descriptor, k.made, rq, ties.lease, cx);
    return k;
}

// The scopes after an update. Tags that are not sent to clients are not in the stored head, and an update that names some may
// leave out others: then both the old and the new ones hold.
std::vector<scope_hash> scopes_after(const entry& old, const request& rq, const response_head& merged)
{
    std::vector<scope_hash> scopes = scopes_of(rq, merged);
    if (rq.route->caching.strip_tags) {
        const head_block stored(old.head());
        const std::vector<scope_hash> told = scopes_of(rq, stored.head());
        for (const scope_hash s : old.scopes()) {
            if (std::find(told.begin(), told.end(), s) == told.end() && std::find(scopes.begin(), scopes.end(), s) == scopes.end()) {
                scopes.push_back(s);
            }
        }
    }
    return scopes;
}

kept keep_update(updated_answer updated, const entry& old, const request& rq, const fetch_times& when, sequence stamp,
                 milliseconds delta, const l2_ties& ties, worker_context& cx)
{
    constexpr std::size_t most_scopes = most_place_scopes + 4 * most_tags;
    const head_block block(updated.head);
    storable s;
    s.selecting = parse_vary(block.head()).names;   // an update may change them
    s.verdict = std::move(updated.verdict);
    s.stamp = stamp;
    s.scopes = scopes_after(old, rq, block.head());
    if (s.scopes.size() > most_scopes) {
        return {};                                  // the whole tells which of them still hold
    }
    finish_storable(s, block.head(), when);
    const std::string head =
        rq.route->caching.strip_tags ? without_fields(updated.head, {"surrogate-key", "cache-tag"}) : updated.head;
    kept k = keep_with_head(s, head, rq, delta, old.small_body(), old.content(), ties, cx);
    k.withheld = std::move(updated.withheld);
    return k;
}

// Has something else taken the entry's place while its origin was asked about it?
bool is_replaced(const entry& e, instant now, process_context& p)
{
    const entry_ptr there = p.l1.find(e.key(), e.hash(), now);
    return there != nullptr && there.get() != &e;
}

// What is stored is known to be outdated. It may still stand in for an origin that fails, for as long as before.
void make_stale(const entry& e, const request& rq, worker_context& cx)
{
    process_context& p = cx.process;
    const instant now = p.time.now();
    if (is_replaced(e, now, p) || (e.times().fresh_until <= now && e.times().swr_until <= now)) {
        return;
    }
    entry_parts parts = parts_of(e);
    parts.times.fresh_until = std::min(e.times().fresh_until, now);
    parts.times.swr_until = std::min(e.times().swr_until, now);
    entry_ptr stale = entry::make(parts);
    p.l1.put(stale, now);
    if (cx.l2 != nullptr) {
        cx.l2->put(rq.tenant, std::move(stale));
    }
}

}  // namespace

storable make_storable(const request& rq, const response_head& rs, storing_verdict verdict, sequence stamp,
                       const fetch_times& when)
{
    TIERCEL_CHECK(verdict.store);
    storable s;
    s.selecting = parse_vary(rs).names;
    s.head = storable_head(rs, verdict.drop_fields, rq.route->caching.strip_tags, when.received_wall);
    s.verdict = std::move(verdict);
    s.stamp = stamp;
    s.scopes = scopes_of(rq, rs);
    finish_storable(s, rs, when);
    return s;
}

entry_ptr make_entry(const storable& s, std::string_view key, milliseconds delta, body_ptr content, const process_context& p)
{
    const std::string head = head_with_length(s, content->size());
    return build(s, key, delta, head, {}, std::move(content), p);
}

kept keep(const storable& s, const request& rq, milliseconds delta, std::string_view small, body_ptr content,
          const l2_ties& ties, worker_context& cx)
{
    const std::string head = head_with_length(s, content != nullptr ? content->size() : small.size());
    return keep_with_head(s, head, rq, delta, small, std::move(content), ties, cx);
}

kept keep_updated(const entry_ptr& old, const request& rq, const response_head& not_modified, const fetch_times& when,
                  sequence stamp, milliseconds delta, const l2_ties& ties, worker_context& cx)
{
    auto updated = update_by_304(*old, rq.head, rq.target.path, not_modified, rq.route->caching, when);
    return updated ? keep_update(std::move(*updated), *old, rq, when, stamp, delta, ties, cx) : kept();
}

kept keep_updated_by_head(const entry_ptr& old, const request& rq, const response_head& ok, const fetch_times& when,
                          sequence stamp, milliseconds delta, const l2_ties& ties, worker_context& cx)
{
    if (is_replaced(*old, cx.process.time.now(), cx.process)) {
        return {};
    }
    request_head get = rq.head;   // what is stored answers that
    get.verb = method::get;
    if (judge_confirmation_by_head(*old, ok) == confirmation::mismatch) {
        make_stale(*old, rq, cx);
        return {};
    }
    auto updated = update_by_head(*old, get, rq.target.path, ok, rq.route->caching, when);
    return updated ? keep_update(std::move(*updated), *old, rq, when, stamp, delta, ties, cx) : kept();
}

bool is_too_many(const storable& s, const request& rq, const entry_ptr& known, const process_context& p)
{
    const entry_ptr d = s.selecting.empty() ? nullptr : current_descriptor(rq, known, p);
    const instant now = p.time.now();
    return d != nullptr && count_variants(*d, now) >= most_variants &&
           !has_variant(*d, variant_id(key_of_variant(rq, generation_of(*d), s.selecting, p)), now);
}

bool promote(const entry_ptr& e, worker_context& cx, instant now)
{
    process_context& p = cx.process;
    if (e->is(entry_flag::vary_descriptor) ? !survives(*e, p) : !p.valid.is_valid(e->scopes(), e->stamp())) {
        p.l1.hold(e->content());
        return false;
    }
    set_revisit(*e, cx, now, p.tiers.promote_ttl);
    p.l1.put(e, now);
    return true;
}

void promote_descriptor(const entry_ptr& e, const request& rq, worker_context& cx)
{
    process_context& p = cx.process;
    const std::lock_guard one_writer(p.descriptors.mutex_of(rq.hash));
    const instant now = p.time.now();
    entry_ptr ours = p.l1.find(rq.key, rq.hash, now);
    const bool has_ours = ours != nullptr && ours->is(entry_flag::vary_descriptor) && survives(*ours, p);
    if (has_ours && generation_of(*ours) == generation_of(*e)) {
        promote(united_descriptor(*ours, *e), cx, now);
    } else {
        promote(e, cx, now);
    }
}

void discard_if_replaced(const entry& old, const kept& by, const request& rq, worker_context& cx)
{
    if (by.stored() && old.key() != by.made->key() && old.key() != rq.key) {
        discard(old, rq, cx);
    }
}

void discard(const entry& e, const request& rq, worker_context& cx)
{
    cx.process.l1.remove(e, cause::replaced);
    if (cx.l2 != nullptr) {
        cx.l2->remove(rq.tenant, e.key());
    }
}

}  // namespace tiercel::flow
