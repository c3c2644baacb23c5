#include "http/cache_control.hpp"

#include "http/ascii.hpp"
#include "http/member_list.hpp"
#include "http/structured_field.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tiercel {
namespace {

// What a directive is, by the member that it fills. With `flag` alone it takes no argument, with `fields` it may be
// qualified by field names, with `delta` it has seconds.
struct directive {
    std::string_view name;
    bool cache_directives::*flag = nullptr;
    std::optional<seconds> cache_directives::*delta = nullptr;
    std::vector<std::string> cache_directives::*fields = nullptr;
    bool of_responses = true;
};

using cd = cache_directives;

constexpr std::array directives{
    directive{"max-age", nullptr, &cd::max_age},
    directive{"s-maxage", nullptr, &cd::s_maxage},
    directive{"no-cache", &cd::no_cache, nullptr, &cd::no_cache_fields},
    directive{"no-store", &cd::no_store},
    directive{"private", &cd::private_, nullptr, &cd::private_fields},
    directive{"public", &cd::public_},
    directive{"must-revalidate", &cd::must_revalidate},
    directive{"proxy-revalidate", &cd::proxy_revalidate},
    directive{"must-understand", &cd::must_understand},
    directive{"no-transform", &cd::no_transform},
    directive{"immutable", &cd::immutable},
    directive{"stale-while-revalidate", nullptr, &cd::stale_while_revalidate},
    directive{"stale-if-error", nullptr, &cd::stale_if_error},
    directive{"min-fresh", nullptr, &cd::min_fresh, nullptr, false},
    directive{"max-stale", nullptr, &cd::max_stale, nullptr, false},
    directive{"only-if-cached", &cd::only_if_cached, nullptr, nullptr, false},
};

// Over 30,000 years: a cap that no sum of times in 64-bit milliseconds can wrap (RFC 9111 §1.2.2).
constexpr std::int64_t longest = 1'000'000'000'000;

bool equal_bytes(std::string_view a, std::string_view b) noexcept { return a == b; }

template <class Equal>
const directive* find_directive(std::string_view name, Equal equal) noexcept
{
    const auto is_it = [&](const directive& d) { return d.name.size() == name.size() && equal(d.name, name); };
    const auto at = std::find_if(directives.begin(), directives.end(), is_it);
    return at == directives.end() ? nullptr : &*at;
}

// Digits alone, as many as there are; anything else is invalid and so counts as 0.
seconds parse_delta(std::string_view text) noexcept
{
    std::int64_t n = 0;
    for (const char c : text) {
        if (!is_digit(c)) {
            return seconds(0);
        }
        n = std::min(n * 10 + (c - '0'), longest);
    }
    return seconds(n);
}

// Adds the names in a list. False, and nothing added, when there is none or one is no token: then nobody can say which
// fields are meant.
bool add_field_names(std::vector<std::string>& to, std::string_view list)
{
    const std::size_t before = to.size();
    const bool any_odd = any_member(list, [&](std::string_view name) {
        to.push_back(lowered(name));
        return !is_token(name);
    });
    if (any_odd) {
        to.resize(before);
    }
    return to.size() > before;
}

// Takes a directive in, with what stands behind it; see member::argument.
void apply(cache_directives& to, const directive& d, std::string_view argument)
{
    if (d.delta != nullptr) {
        if (!(to.*d.delta)) {   // the first counts
            to.*d.delta = parse_delta(argument);
        }
        return;
    }
    if (d.fields != nullptr && add_field_names(to.*d.fields, argument)) {
        return;
    }
    to.*d.flag = true;
}

// The unqualified form covers what the qualified one says.
void drop_covered_fields(cache_directives& c)
{
    for (const directive& d : directives) {
        if (d.fields != nullptr && c.*d.flag) {
            (c.*d.fields).clear();
        }
    }
}

struct member {
    std::string_view name;
    std::string_view argument;    // without quotes; empty if there is none or if it makes no sense
    bool bare = false;            // nothing behind the name
    bool endless = false;         // a quoted string that never ends
};

std::size_t skip_blanks(std::string_view text, std::size_t from) noexcept
{
    return std::min(text.find_first_not_of(" \t", from), text.size());
}

// Index of the quote that ends the string which begins at `open`, or npos.
std::size_t end_of_string(std::string_view text, std::size_t open) noexcept
{
    for (std::size_t i = open + 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            return i;
        }
        i += text[i] == '\\' ? 1 : 0;
    }
    return std::string_view::npos;
}

// Length of what follows a name, up to the comma that ends the member; npos if a string does not end. A quote begins a
// string only after the equals sign, blanks or not: that is invalid then, but must not show what is inside.
std::size_t tail_length(std::string_view text) noexcept
{
    std::size_t at = skip_blanks(text, 0);
    if (text.substr(at).starts_with('=')) {
        at = skip_blanks(text, at + 1);
        if (text.substr(at).starts_with('"')) {
            at = end_of_string(text, at);
            if (at == std::string_view::npos) {
                return at;
            }
        }
    }
    return std::min(text.find(',', at), text.size());
}

// `=value` or `="value"`, and nothing besides.
std::string_view argument_in(std::string_view tail) noexcept
{
    if (!tail.starts_with('=') || tail.size() < 2 || is_blank(tail[1])) {
        return {};
    }
    const std::string_view value = tail.substr(1);
    if (!value.starts_with('"')) {
        return value;
    }
    return end_of_string(value, 0) == value.size() - 1 ? value.substr(1, value.size() - 2) : std::string_view();
}

// Takes the next member off `rest`, and the comma behind it.
member take_member(std::string_view& rest) noexcept
{
    member m;
    rest.remove_prefix(skip_blanks(rest, 0));
    const auto end = std::find_if_not(rest.begin(), rest.end(), is_token_char);
    m.name = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    rest.remove_prefix(m.name.size());

    const std::size_t length = tail_length(rest);
    m.endless = length == std::string_view::npos;
    std::string_view tail = rest.substr(0, length);
    while (!tail.empty() && is_blank(tail.back())) {
        tail.remove_suffix(1);
    }
    m.bare = tail.empty();
    m.argument = argument_in(tail);
    rest.remove_prefix(std::min(rest.size(), m.endless ? length : length + 1));
    return m;
}

// Lines of one field as one value; `joined` holds it if there are several.
template <class Is>
std::string_view combine(const message_head& head, Is is, std::string& joined)
{
    std::string_view only;
    std::size_t lines = 0;
    for (const field& f : head.fields) {
        if (!is(f)) {
            continue;
        }
        ++lines;
        if (lines == 1) {
            only = f.value;
            continue;
        }
        if (lines == 2) {
            joined = only;
        }
        joined += ", ";
        joined += f.value;
    }
    return lines > 1 ? joined : only;
}

bool has_type_of(const sf_member& m, const directive& d) noexcept
{
    if (d.delta != nullptr) {
        return m.type == sf_type::integer;
    }
    return (m.type == sf_type::boolean && m.boolean) || (d.fields != nullptr && m.type == sf_type::string);
}

}  // namespace

cache_directives parse_cache_control(std::string_view value)
{
    cache_directives c;
    c.present = true;
    while (!value.empty()) {
        const member m = take_member(value);
        c.malformed = c.malformed || m.endless;
        const directive* d = find_directive(m.name, equal_ignoring_case);
        if (d == nullptr) {
            continue;
        }
        if (d->delta == &cd::max_stale && m.bare && !c.max_stale) {
            c.max_stale = seconds(longest);
        } else {
            apply(c, *d, m.argument);
        }
    }
    drop_covered_fields(c);
    return c;
}

cache_directives parse_cache_control(const message_head& head, header which)
{
    if (!head.has(which)) {
        return {};
    }
    std::string joined;
    return parse_cache_control(combine(head, [&](const field& f) { return f.id == which; }, joined));
}

std::optional<cache_directives> parse_targeted(const message_head& head, std::string_view name)
{
    const header id = header_of(name);
    if (id != header::other && !head.has(id)) {
        return std::nullopt;
    }
    const auto is = [&](const field& f) { return f.id == id && (id != header::other || equal_ignoring_case(f.name, name)); };
    std::string joined;
    const auto members = parse_sf_dictionary(combine(head, is, joined));
    if (!members || members->empty()) {
        return std::nullopt;
    }
    cache_directives c;
    c.present = true;
    for (const sf_member& m : *members) {
        const directive* d = find_directive(m.key, equal_bytes);
        if (d == nullptr || !d->of_responses) {
            continue;
        }
        if (!has_type_of(m, *d)) {
            return std::nullopt;
        }
        if (d->delta != nullptr) {
            c.*d->delta = seconds(std::clamp<std::int64_t>(m.integer, 0, longest));
        } else {
            apply(c, *d, m.string);
        }
    }
    return c;
}

}  // namespace tiercel
