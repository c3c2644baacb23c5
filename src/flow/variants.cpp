#include "flow/variants.hpp"

#include "flow/context.hpp"
#include "flow/standing.hpp"
#include "flow/upstream_head.hpp"
#include "http/forwarding.hpp"
#include "http/vary.hpp"

#include <tiercel/split_mix.hpp>

#include <algorithm>
#include <random>

namespace tiercel::flow {
namespace {

void make_secondary(std::string& out, const request& rq, const entry& descriptor, vary_list names, const process_context& p)
{
    out.assign(rq.key);
    append_generation(out, generation_of(descriptor));
    append_selection(out, rq, names, p);
}

// Among the variants that match this request, the one with the latest Date; of equal ones that of the newest list.
entry_ptr find_variant(const request& rq, const entry& descriptor, std::string& secondary, process_context& p)
{
    entry_ptr best;
    vary_list best_list;
    vary_list last;
    const vary_lists lists = vary_lists_of(descriptor);
    for (const vary_list names : lists) {
        make_secondary(secondary, rq, descriptor, names, p);
        last = names;
        entry_ptr e = stored_as_it_stands(p.l1.find(secondary, seeded_hash(secondary, p.hash_seed), rq.now), rq.now, p);
        if (e != nullptr && (best == nullptr || e->date().value_or(0) > best->date().value_or(0))) {
            best = std::move(e);
            best_list = names;
        }
    }
    if (lists.empty()) {
        secondary.clear();   // it leads nowhere: as good as nothing
        return best;
    }
    const vary_list chosen = best != nullptr ? best_list : *lists.begin();
    if (chosen.bytes().data() != last.bytes().data()) {
        make_secondary(secondary, rq, descriptor, chosen, p);
    }
    return best;
}

// What the origin gets of a field, as `read` (http/vary) puts it. REQUIRES: `name` is lower case.
template <class Read>
std::optional<std::string> value_as_sent(const request& rq, std::string_view name, const process_context& p, Read read)
{
    const header id = header_of(name);
    if (id == header::other) {
        // Removed on the way, or the same for all who have this key.
        if (is_unkeyed_influence(name) || p.tenants.is_tenant_header(name)) {
            return std::nullopt;
        }
    } else if (is_written_by_us(id)) {
        return written_value(rq, id);
    } else if (is_hop_by_hop(id) || is_client_condition(id)) {
        return std::nullopt;
    }
    return read(rq.head, name, rq.route->caching.vary_languages);
}

}  // namespace

descriptor_desk::descriptor_desk()
{
    std::random_device entropy;
    state_ = (static_cast<std::uint64_t>(entropy()) << 32) | entropy();
}

std::uint64_t descriptor_desk::new_generation() noexcept
{
    return spread(state_.fetch_add(split_mix_step, std::memory_order_relaxed));
}

std::optional<std::string> selecting_value_of(const request& rq, std::string_view name, const process_context& p)
{
    return value_as_sent(rq, name, p, selecting_value);
}

std::optional<std::string> keyed_value_of(const request& rq, std::string_view name, const process_context& p)
{
    return value_as_sent(rq, name, p, exact_value);
}

void append_selection(std::string& key, const request& rq, vary_list names, const process_context& p)
{
    for (const std::string_view name : names) {
        const auto value = selecting_value_of(rq, name, p);
        append_secondary(key, name, value ? std::string_view(*value) : std::string_view(), value.has_value());
    }
}

std::string selection_of(const request& rq, const std::vector<std::string>& names, const process_context& p)
{
    std::string out;
    for (const std::string& name : names) {
        const auto value = selecting_value_of(rq, name, p);
        append_secondary(out, name, value ? std::string_view(*value) : std::string_view(), value.has_value());
    }
    return out;
}

std::string_view selection_in(const entry& e, std::string_view primary_key) noexcept
{
    std::string_view rest = e.key().substr(std::min(primary_key.size(), e.key().size()));
    std::string_view unnamed;
    std::string_view generation;
    return take_frame(rest, unnamed) && take_frame(rest, generation) ? rest : std::string_view();
}

bool matches(const request& rq, std::string_view selection, const process_context& p)
{
    std::string own;
    std::string_view rest = selection;
    std::string_view name;
    std::string_view theirs;
    while (take_frame(rest, name) && take_frame(rest, theirs)) {
        const auto value = selecting_value_of(rq, name, p);
        append_secondary(own, name, value ? std::string_view(*value) : std::string_view(), value.has_value());
    }
    return own == selection;
}

found_entry find_stored(const request& rq, std::string& secondary, process_context& p)
{
    found_entry f;
    secondary.clear();
    f.stored = stored_as_it_stands(p.l1.find(rq.key, rq.hash, rq.now), rq.now, p);
    if (f.stored != nullptr && f.stored->is(entry_flag::vary_descriptor)) {
        f.descriptor = std::move(f.stored);
        f.stored = find_variant(rq, *f.descriptor, secondary, p);
    }
    return f;
}

bool is_full_for(const request& rq, const entry& descriptor, const process_context& p)
{
    if (count_variants(descriptor, rq.now) < most_variants) {
        return false;
    }
    std::string key;
    for (const vary_list names : vary_lists_of(descriptor)) {
        make_secondary(key, rq, descriptor, names, p);
        if (has_variant(descriptor, variant_id(key), rq.now)) {
            return false;   // one of them is this request's, in the other tier perhaps
        }
    }
    return true;
}

}  // namespace tiercel::flow
