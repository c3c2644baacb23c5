#include "cache/vary_index.hpp"

#include "http/ascii.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <limits>
#include <vector>

namespace tiercel {
namespace {

constexpr std::size_t note_size = 12;

// Equal sets of names become equal bytes.
std::string framed_list(std::span<const std::string_view> names)
{
    std::vector<std::string> sorted;
    for (const std::string_view name : names) {
        if (!name.empty()) { sorted.push_back(lowered(name)); }
    }
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    std::string out;
    for (const std::string& name : sorted) {
        append_frame(out, name);
    }
    return out;
}

void append_number(std::string& out, std::uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; ++i) {
        out += static_cast<char>(value >> (8 * i));
    }
}

std::uint64_t number_in(std::string_view bytes) noexcept
{
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) {
        value = value << 8 | static_cast<unsigned char>(bytes[i]);
    }
    return value;
}

struct parts_of_body {
    std::string_view generation;
    std::string_view lists;
    std::string_view notes;
};

parts_of_body split(const entry& e) noexcept
{
    TIERCEL_CHECK(e.is(entry_flag::vary_descriptor));
    std::string_view rest = e.small_body();
    parts_of_body p;
    const bool whole = take_frame(rest, p.generation) && take_frame(rest, p.lists) && take_frame(rest, p.notes);
    return whole && p.generation.size() == 8 ? p : parts_of_body();
}

// Calls `each(note)` until it returns true; whether it did.
template <class Each>
bool any_note(const entry& e, Each each) noexcept
{
    std::string_view rest = split(e).notes;
    while (rest.size() >= note_size) {
        const variant_note n{number_in(rest.substr(0, 8)),
                             e.times().received + seconds(static_cast<std::int64_t>(number_in(rest.substr(8, 4))))};
        if (each(n)) { return true; }
        rest.remove_prefix(note_size);
    }
    return false;
}

// What is going to be the body.
struct contents {
    std::uint64_t generation = 0;
    std::vector<std::string> lists;
    std::vector<variant_note> notes;

    void add_list(std::string_view framed)
    {
        if (lists.size() < most_vary_lists && std::find(lists.begin(), lists.end(), framed) == lists.end()) {
            lists.emplace_back(framed);
        }
    }
    void add_note(const variant_note& n)
    {
        const auto same = std::find_if(notes.begin(), notes.end(), [&](const variant_note& m) { return m.id == n.id; });
        if (same != notes.end()) {
            same->until = std::max(same->until, n.until);
        } else {
            notes.push_back(n);
        }
    }
    void add(const entry& e, instant as_of)
    {
        for (const vary_list list : vary_lists_of(e)) {
            add_list(list.bytes());
        }
        any_note(e, [&](const variant_note& n) {
            if (n.until > as_of) { add_note(n); }
            return false;
        });
    }
};

entry_ptr make(entry_parts base, const contents& c)
{
    std::string lists;
    for (const std::string& list : c.lists) {
        append_frame(lists, list);
    }
    std::string notes;
    for (const variant_note& n : c.notes) {
        const auto rest = std::chrono::ceil<seconds>(n.until - base.times.received).count();
        append_number(notes, n.id, 8);
        append_number(notes, static_cast<std::uint64_t>(
                                 std::clamp<std::int64_t>(rest, 0, std::numeric_limits<std::uint32_t>::max())), 4);
    }
    std::string generation;
    append_number(generation, c.generation, 8);
    std::string body;
    append_frame(body, generation);
    append_frame(body, lists);
    append_frame(body, notes);
    base.flags = entry_flag::vary_descriptor;
    base.status = 200;
    base.head = {};
    base.etag = {};
    base.last_modified = {};
    base.date = {};
    base.content = nullptr;
    base.small_body = body;
    return entry::make(base);
}

void extend(entry_times& t, const entry_times& other) noexcept
{
    t.fresh_until = std::max(t.fresh_until, other.fresh_until);
    t.swr_until = std::max(t.swr_until, other.swr_until);
    t.sie_until = std::max(t.sie_until, other.sie_until);
    t.unreachable_until = std::max(t.unreachable_until, other.unreachable_until);
}

}  // namespace

std::uint64_t variant_id(std::string_view key) noexcept { return stable_hash(key).lo; }

vary_lists vary_lists_of(const entry& e) noexcept { return vary_lists(split(e).lists); }

std::uint64_t generation_of(const entry& e) noexcept { return number_in(split(e).generation); }

std::size_t count_variants(const entry& e, instant now) noexcept
{
    std::size_t n = 0;
    any_note(e, [&](const variant_note& v) {
        n += v.until > now ? 1 : 0;
        return false;
    });
    return n;
}

bool has_variant(const entry& e, std::uint64_t id, instant now) noexcept
{
    return any_note(e, [&](const variant_note& v) { return v.id == id && v.until > now; });
}

entry_ptr make_vary_descriptor(entry_parts base, std::uint64_t generation, const entry* old,
                               std::span<const std::string_view> names, variant_note noted)
{
    contents c;
    c.generation = generation;
    c.add_list(framed_list(names));
    c.add_note(noted);
    if (old != nullptr) {
        TIERCEL_CHECK(generation_of(*old) == generation);
        c.add(*old, base.times.received);
        extend(base.times, old->times());
    }
    return make(base, c);
}

entry_ptr united_descriptor(const entry& first, const entry& second)
{
    TIERCEL_CHECK(first.key() == second.key() && generation_of(first) == generation_of(second));
    entry_parts base;
    base.key = first.key();
    base.hash = first.hash();
    base.times = first.times();
    base.stamp = std::min(first.stamp(), second.stamp());   // what is good under its own stamp is good under an older one
    base.scopes = first.scopes();
    extend(base.times, second.times());
    contents c;
    c.generation = generation_of(first);
    c.add(first, base.times.received);
    c.add(second, base.times.received);
    return make(base, c);
}

}  // namespace tiercel
