#include "http/vary.hpp"

#include "http/ascii.hpp"
#include "http/forwarding.hpp"
#include "http/member_list.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace tiercel {
namespace {

// Calls `each(part)` for what stands between separators, trimmed and possibly empty; at least once.
template <class Each>
void split(std::string_view list, char separator, Each each)
{
    std::size_t at = 0;
    while (at != std::string_view::npos) {
        const std::size_t next = list.find(separator, at);
        each(trim(list.substr(at, next == std::string_view::npos ? next : next - at)));
        at = next == std::string_view::npos ? next : next + 1;
    }
}

// The value of each line of one field. REQUIRES: `name` is lower case.
template <class Each>
void each_line(const message_head& head, std::string_view name, Each each)
{
    const header id = header_of(name);
    if (id != header::other && !head.has(id)) {
        return;
    }
    const connection_options named(head);   // what ends at this hop is not part of what the origin gets
    for (const field& f : head.fields) {
        if (f.id == id && (id != header::other || equal_lower(f.name, name)) && !named.strips(f)) {
            each(f.value);
        }
    }
}

// Weights are kept in thousandths, the finest that the grammar allows (RFC 9110 §12.4.2).
constexpr int full_weight = 1000;

std::optional<int> parse_weight(std::string_view text) noexcept
{
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') || (text.size() > 1 && text[1] != '.')) {
        return std::nullopt;
    }
    int weight = (text[0] - '0') * full_weight;
    int unit = 100;
    for (std::size_t i = 2; i < text.size(); ++i, unit /= 10) {
        if (text[i] < '0' || text[i] > '9') {
            return std::nullopt;
        }
        weight += (text[i] - '0') * unit;
    }
    return weight <= full_weight ? std::optional(weight) : std::nullopt;
}

struct preference {
    std::string_view name;
    int weight = full_weight;
};

// `name` or `name;q=0.5`, blanks around the semicolon. Nothing for any other text: what we cannot read we do not offer.
std::optional<preference> parse_preference(std::string_view member) noexcept
{
    const std::size_t semicolon = member.find(';');
    preference p{trim(member.substr(0, semicolon))};
    if (semicolon != std::string_view::npos) {
        const std::string_view parameter = trim(member.substr(semicolon + 1));
        if (parameter.size() < 2 || to_lower(parameter[0]) != 'q' || parameter[1] != '=') {
            return std::nullopt;
        }
        const auto weight = parse_weight(parameter.substr(2));
        if (!weight) {
            return std::nullopt;
        }
        p.weight = *weight;
    }
    return p.name.empty() ? std::nullopt : std::optional(p);
}

template <class Each>
void each_preference(const request_head& rq, std::string_view name, Each each)
{
    each_line(rq, name, [&](std::string_view line) {
        split(line, ',', [&](std::string_view member) {
            if (const auto p = parse_preference(member)) {
                each(*p);
            }
        });
    });
}

constexpr char to_upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// "zh-hant-tw" as "zh-Hant-TW" (RFC 5646 §2.1.1): how nearly everybody writes it, so that origins that look at case see what
// they expect.
std::string usual_letters(std::string_view language)
{
    std::string out = lowered(language);
    std::size_t at = std::min(out.find('-'), out.size());
    bool single = at == 1;   // behind a single letter case stays low
    while (at < out.size() && !single) {
        const std::size_t begin = at + 1;
        at = std::min(out.find('-', begin), out.size());
        const std::size_t size = at - begin;
        single = size == 1;
        for (std::size_t i = begin; i < at; ++i) {
            out[i] = size == 2 || (size == 4 && i == begin) ? to_upper(out[i]) : out[i];
        }
    }
    return out;
}

struct language_member {
    std::string text;
    int weight = 0;
};

language_member usual_form(std::string_view member)
{
    const std::optional<preference> p = parse_preference(member);
    language_member out{{}, p ? p->weight : 0};
    split(member, ';', [&](std::string_view part) {
        out.text += out.text.empty() ? usual_letters(part) : ";" + lowered(part);
    });
    return out;
}

// No blanks around separators, by weight, and by text where weights are equal: there order says nothing (RFC 9110 §12.5.4).
std::string ordered_languages(const request_head& rq)
{
    std::vector<language_member> members;
    each_line(rq, "accept-language", [&](std::string_view line) {
        split(line, ',', [&](std::string_view member) {
            if (!member.empty()) {
                members.push_back(usual_form(member));
            }
        });
    });
    std::sort(members.begin(), members.end(), [](const language_member& a, const language_member& b) {
        return a.weight != b.weight ? a.weight > b.weight : a.text < b.text;
    });
    std::string joined;
    for (const language_member& m : members) {
        joined += joined.empty() ? "" : ",";
        joined += m.text;
    }
    return joined;
}

// Does one of the two begin with all subtags of the other? So the range `en-US` finds the language `en` (RFC 4647 §3.4) and
// `en` finds `en-US` (RFC 4647 §3.3.1). REQUIRES: `language` is lower case.
bool related(std::string_view range, std::string_view language) noexcept
{
    const std::size_t shared = std::min(range.size(), language.size());
    const std::string_view longer = range.size() > shared ? range : language;
    return equal_lower(range.substr(0, shared), language.substr(0, shared)) &&
           (longer.size() == shared || longer[shared] == '-');
}

// The language that the client likes best of those in the list, the earlier of two that it likes equally; empty if it takes
// none of them. A wildcard stands for what no other member names.
std::string best_language(const request_head& rq, const std::vector<std::string>& languages)
{
    std::string best;
    int best_weight = 0;
    for (const std::string& configured : languages) {
        std::string language = lowered(configured);
        int wildcard = 0;
        int named = -1;
        each_preference(rq, "accept-language", [&](preference p) {
            if (p.name == "*") {
                wildcard = std::max(wildcard, p.weight);
            } else if (related(p.name, language)) {
                named = std::max(named, p.weight);
            }
        });
        const int weight = named >= 0 ? named : wildcard;
        if (weight > best_weight) {
            best_weight = weight;
            best = std::move(language);
        }
    }
    return best;
}

// Fields with commas that separate nothing.
bool is_no_list(std::string_view name) noexcept
{
    return name == "cookie" || name == "user-agent" || name == "authorization";
}

// The value of a field that is sent in a form of our own; false for all others.
bool is_rewritten(const request_head& rq, std::string_view name, const std::vector<std::string>& languages,
                  std::optional<std::string>& value)
{
    if (name == "accept-encoding") {
        if (rq.has(header::accept_encoding)) {
            value = reduced_accept_encoding(rq);
        }
        return true;
    }
    if (name == "accept-language") {
        if (rq.has(header::accept_language)) {
            value = languages.empty() ? ordered_languages(rq) : best_language(rq, languages);
        }
        return true;
    }
    return false;
}

}  // namespace

vary_spec parse_vary(const message_head& head)
{
    vary_spec spec;
    each_line(head, "vary", [&](std::string_view line) {
        split(line, ',', [&](std::string_view name) {
            if (name == "*") {
                spec.star = true;
            } else if (!name.empty()) {
                spec.names.push_back(lowered(name));
            }
        });
    });
    std::sort(spec.names.begin(), spec.names.end());
    spec.names.erase(std::unique(spec.names.begin(), spec.names.end()), spec.names.end());
    return spec;
}

std::optional<std::string> selecting_value(const request_head& rq, std::string_view name,
                                           const std::vector<std::string>& languages)
{
    if (is_no_list(name)) {
        return exact_value(rq, name, languages);
    }
    std::optional<std::string> value;
    if (is_rewritten(rq, name, languages, value)) {
        return value;
    }
    each_line(rq, name, [&](std::string_view line) {
        bool first = !value;
        if (first) {
            value.emplace();
        }
        split(line, ',', [&](std::string_view member) {
            *value += first ? "" : ",";
            *value += member;
            first = false;
        });
    });
    return value;
}

std::optional<std::string> exact_value(const request_head& rq, std::string_view name, const std::vector<std::string>& languages)
{
    std::optional<std::string> value;
    if (is_rewritten(rq, name, languages, value)) {
        return value;
    }
    each_line(rq, name, [&](std::string_view line) {
        if (value) {
            value->append("\n").append(line);
        } else {
            value.emplace(line);
        }
    });
    return value;
}

std::string_view reduced_accept_encoding(const request_head& rq)
{
    struct coding {
        std::string_view name;
        int weight = -1;   // not named
    };
    std::array<coding, 3> codings{coding{"br"}, coding{"gzip"}, coding{"identity"}};   // by our own preference
    int wildcard = -1;
    each_preference(rq, "accept-encoding", [&](preference p) {
        if (p.name == "*") {
            wildcard = std::max(wildcard, p.weight);
        }
        for (coding& c : codings) {
            // x-gzip is gzip (RFC 9110 §8.4.1.3).
            if (equal_lower(p.name, c.name) || (c.name == "gzip" && equal_lower(p.name, "x-gzip"))) {
                c.weight = std::max(c.weight, p.weight);
            }
        }
    });
    const auto weight_of = [&](const coding& c) { return c.weight >= 0 ? c.weight : wildcard; };
    // identity that is neither named nor refused is always taken (RFC 9110 §12.5.3), but liked least.
    std::string_view best = "identity";
    int best_weight = 0;
    for (const coding& c : codings) {
        if (weight_of(c) > best_weight) {
            best_weight = weight_of(c);
            best = c.name;
        }
    }
    if (best != "br") {
        return best;
    }
    if (weight_of(codings[1]) > 0) {
        return "br, gzip";   // most origins know gzip only
    }
    const bool refuses_identity = weight_of(codings[2]) == 0;
    return refuses_identity ? "br" : "identity";   // nobody takes br alone: not worth a variant
}

}  // namespace tiercel
