#include "flow/parts.hpp"

#include "cache/part_index.hpp"
#include "flow/blind.hpp"
#include "flow/standing.hpp"
#include "flow/variants.hpp"
#include "http/validators.hpp"
#include "rules/merge.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace tiercel::flow {
namespace {

// One that is fresh and whose variant is that of the request.
struct candidate {
    entry_ptr e;
    part_facts facts;
};

entry_ptr find_valid(const std::string& key, instant now, process_context& p)
{
    entry_ptr e = p.l1.find(key, seeded_hash(key, p.hash_seed), now);
    return e != nullptr && p.valid.is_valid(e->scopes(), e->stamp()) ? e : nullptr;
}

// What a stored part really holds: the bytes that came, from where it says that they begin.
part_facts facts_of(const entry& e)
{
    const auto says = range_of(head_block(e.head()).head());
    TIERCEL_CHECK(says && e.body_size() > 0 && e.body_size() <= says->span.size());
    const byte_span holds{says->span.first, says->span.first + e.body_size() - 1};
    return {{holds, says->total}, e.etag(), e.last_modified()};
}

std::string key_of(const part_record& r, const request& rq)
{
    return part_key(rq.key, r.selection(), r.asked());
}

// The bytes of one part that the request asks for, if its end need not be known or is.
range_plan plan_for(const std::vector<range_spec>& asked, const part_facts& lead)
{
    if (lead.range.total) {
        return plan_ranges(asked, *lead.range.total);
    }
    const bool ends_known = std::all_of(asked.begin(), asked.end(), [](const range_spec& r) {
        return !r.suffix && r.last < longest_content;
    });
    // None of them can be clamped then, as none counts that is not wholly inside.
    return ends_known ? plan_ranges(asked, longest_content) : range_plan();
}

// An answer out of the parts that go with `lead`; null when they do not cover what is wanted.
std::shared_ptr<const part_answer> answer_with(const candidate& lead, const std::vector<candidate>& all,
                                               const std::vector<range_spec>& asked)
{
    auto a = std::make_shared<part_answer>();
    std::vector<byte_span> spans;
    for (const candidate& c : all) {
        if (&c == &lead || may_join(c.facts, lead.facts)) {
            a->parts.push_back({c.e, c.facts.range.span});
            spans.push_back(c.facts.range.span);
        }
    }
    range_plan plan = plan_for(asked, lead.facts);
    if (plan.how != range_answer::one && plan.how != range_answer::several) {
        return nullptr;
    }
    a->total = lead.facts.range.total;
    for (const byte_span& s : plan.spans) {
        auto c = cover(s, spans);
        // What is missing can only be asked for by a strong tag, and if it is known that it exists.
        const bool may_have_gap = plan.how == range_answer::one && a->total && strong_equal(lead.facts.etag, lead.facts.etag);
        if (!c || (c->gap && !may_have_gap)) {
            return nullptr;
        }
        a->covers.push_back(std::move(*c));
    }
    a->spans = std::move(plan.spans);
    return a;
}

// What a stored part is beside one that has just come.
enum class use : std::uint8_t {
    beside,
    none,      // holds nothing that the new one does not, or is of an older state
    instead,   // is of a newer state: the new one was long on its way
};

struct neighbour {
    part_record record;        // views into the index
    entry_ptr e;
    use of_use;
};

use use_beside(const entry& made, const entry& other)
{
    const part_facts ours = facts_of(made);
    const part_facts theirs = facts_of(other);
    if (contradict(ours, theirs)) {
        return other.times().received > made.times().received ? use::instead : use::none;
    }
    return may_join(ours, theirs) && ours.range.span.holds(theirs.range.span) ? use::none : use::beside;
}

std::vector<neighbour> neighbours_of(const entry_ptr& index, const entry& made, std::string_view selection, const request& rq, instant now,
                                     process_context& p)
{
    std::vector<neighbour> all;
    if (index == nullptr) {
        return all;
    }
    for (const part_record r : part_records_of(*index)) {
        const std::string key = key_of(r, rq);
        entry_ptr e = find_valid(key, now, p);
        if (e != nullptr && key != made.key()) {
            const bool fresh = now < e->times().fresh_until;
            const use of_use = !fresh ? use::none : r.selection() == selection ? use_beside(made, *e) : use::beside;
            all.push_back({r, std::move(e), of_use});
        }
    }
    return all;
}

// Two that write at the same time may lose a record; that part is not found any more and goes when it expires.
void put_index(std::string_view records, const entry_times& times, const entry& newest, const request& rq, process_context& p)
{
    const std::string key = part_index_key(rq.key);
    entry_parts index;
    index.key = key;
    index.hash = seeded_hash(key, p.hash_seed);
    index.times = times;
    index.stamp = newest.stamp();
    index.scopes = newest.scopes();
    index.small_body = records;
    p.l1.put(entry::make(index), p.time.now());
}

}  // namespace

const entry& part_answer::stalest() const noexcept
{
    const auto first = std::min_element(parts.begin(), parts.end(), [](const stored_part& a, const stored_part& b) {
        return a.e->times().fresh_until < b.e->times().fresh_until;
    });
    return *first->e;
}

part_lookup find_parts(const request& rq, const entry* whole, process_context& p)
{
    part_lookup found;
    const bool other_conditions = rq.head.has(header::if_none_match) || rq.head.has(header::if_modified_since);
    const entry_ptr index = find_valid(part_index_key(rq.key), rq.now, p);
    if (index == nullptr || other_conditions || rq.head.count(header::range) != 1) {
        return found;
    }
    std::vector<candidate> candidates;
    for (const part_record r : part_records_of(*index)) {
        if (!matches(rq, r.selection(), p)) {
            continue;
        }
        entry_ptr e = find_valid(key_of(r, rq), rq.now, p);
        // Parts are not in L2, so there they are either trusted or not found.
        if (e == nullptr || (is_blind(p) && unheard_of(*e, rq.now, p) >= p.tiers.ttl_when_blind) || reuse_of(e.get(), rq, rq.now, p).what != action::serve ||
            e->is_revisit_due(rq.now) ||
            (whole != nullptr && e->times().received < whole->times().received) || !if_range_holds(rq.head, validators_of(*e))) {
            continue;
        }
        found.any = true;
        if (r.asked() == rq.head.first(header::range)) {
            auto a = std::make_shared<part_answer>();
            a->repeated = std::move(e);
            found.answer = std::move(a);
            return found;
        }
        const part_facts facts = facts_of(*e);
        candidates.push_back({std::move(e), facts});
    }
    const auto asked = parse_range(rq.head);
    for (std::size_t i = 0; asked && i < candidates.size(); ++i) {
        auto a = answer_with(candidates[i], candidates, *asked);
        if (a != nullptr && !a->gap()) {
            found.answer = std::move(a);
            return found;
        }
        if (a != nullptr && found.answer == nullptr) {
            found.answer = std::move(a);   // as long as nothing better turns up
        }
    }
    return found;
}

bool keep_part(const storable& s, const content_range& says, std::string_view asked, milliseconds delta, body_ptr content,
               const request& rq, worker_context& cx)
{
    process_context& p = cx.process;
    const byte_count size = content->size();
    const std::string selection = selection_of(rq, s.selecting, p);
    std::string records;
    if (size == 0 || size > says.span.size() || range_of(head_block(s.head).head()) != says ||
        !append_part_record(records, selection, asked)) {
        return false;
    }
    const entry_ptr made = make_entry(s, part_key(rq.key, selection, asked), delta, std::move(content), p);
    const instant now = p.time.now();
    if (cx.l2 != nullptr) {
        made->revisit_at(now + p.tiers.max_ttl);
    }
    const entry_ptr index = find_valid(part_index_key(rq.key), now, p);
    const std::vector<neighbour> others = neighbours_of(index, *made, selection, rq, now, p);
    const bool outdated = std::any_of(others.begin(), others.end(), [](const neighbour& n) { return n.of_use == use::instead; });
    if (outdated || !p.valid.is_valid(made->scopes(), made->stamp()) || !p.l1.put(made, now)) {
        return false;
    }
    entry_times times = made->times();
    std::size_t count = 1;
    for (const neighbour& n : others) {
        if (n.of_use == use::beside && count < most_parts) {
            append_part_record(records, n.record.selection(), n.record.asked());
            times.fresh_until = std::max(times.fresh_until, n.e->times().fresh_until);
            ++count;
        } else {
            p.l1.remove(*n.e, cause::replaced);
        }
    }
    put_index(records, times, *made, rq, p);
    return true;
}

}  // namespace tiercel::flow
