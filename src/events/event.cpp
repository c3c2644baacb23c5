#include "events/event.hpp"

#include <boost/json.hpp>

#include <charconv>
#include <chrono>
#include <tuple>

namespace tiercel::events {
namespace {

namespace json = boost::json;

std::string_view view(const json::string& s) noexcept { return {s.data(), s.size()}; }

std::string text_at(const json::object& o, std::string_view name)
{
    const json::value* const v = o.if_contains(name);
    return v != nullptr && v->is_string() ? std::string(view(v->as_string())) : std::string();
}

constexpr std::size_t longest_name = 1024;

// Why there is no name, which is a text of some length; empty: there is one. `what`: that it names.
std::string problem_of_name(const json::object& o, std::string_view member, const std::string& what)
{
    const json::value* const v = o.if_contains(member);
    if (v == nullptr || v->is_null() || (v->is_string() && v->as_string().empty())) { return "no " + what; }
    if (!v->is_string()) { return "the " + what + " is not a string"; }
    return v->as_string().size() > longest_name ? "the " + what + " is longer than 1,024 characters" : std::string();
}

// The first of these that is a text.
std::string first_of(const json::object& o, std::initializer_list<std::string_view> names)
{
    for (const std::string_view n : names) {
        if (std::string t = text_at(o, n); !t.empty()) { return t; }
    }
    return {};
}

// "a.b.v2" -> "2".
std::string version_in(std::string_view type)
{
    const std::size_t at = type.rfind(".v");
    if (at == type.npos) { return {}; }
    const std::string_view digits = type.substr(at + 2);
    const bool all = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
    return all ? std::string(digits) : std::string();
}

// A version may be written as a number.
std::string version_of(const json::object& o, std::string_view type)
{
    for (const std::string_view name : {"version", "eventversion", "eventVersion", "dataversion"}) {
        const json::value* const v = o.if_contains(name);
        if (v != nullptr && v->is_string()) { return std::string(view(v->as_string())); }
        if (v != nullptr && v->is_int64()) { return std::to_string(v->as_int64()); }
    }
    return version_in(type);
}

event_read refused(std::string why) { return {std::nullopt, std::move(why)}; }

std::int64_t number_in(std::string_view text, bool& good) noexcept
{
    std::int64_t n = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    good = good && !text.empty() && ec == std::errc() && end == text.data() + text.size() && text[0] != '-';
    return n;
}

std::optional<std::string> text_of(const json::value& v)
{
    if (v.is_string()) { return v.as_string().empty() ? std::nullopt : std::optional(std::string(view(v.as_string()))); }
    if (v.is_int64()) { return std::to_string(v.as_int64()); }
    if (v.is_uint64()) { return std::to_string(v.as_uint64()); }
    if (v.is_bool()) { return std::string(v.as_bool() ? "true" : "false"); }
    return std::nullopt;
}

// Appends what is found at the path below `v`, through lists. False: something is missing. Stops beyond `most`.
bool collect(const json::value& v, std::string_view path, std::size_t most, std::vector<std::string>& out)
{
    if (v.is_array()) {
        for (const json::value& item : v.as_array()) {
            if (out.size() > most) { return true; }
            if (!collect(item, path, most, out)) { return false; }
        }
        return true;
    }
    if (path.empty()) {
        auto text = text_of(v);
        if (text) { out.push_back(std::move(*text)); }
        return text.has_value();
    }
    const std::size_t dot = std::min(path.find('.'), path.size());
    const json::value* const next = v.is_object() ? v.as_object().if_contains(path.substr(0, dot)) : nullptr;
    return next != nullptr && collect(*next, path.substr(std::min(dot + 1, path.size())), most, out);
}

// `name`: of what is no single value in the event.
std::string why_not_one(const event& e, std::string_view name)
{
    std::vector<std::string> values;
    const bool is_list = collect(json::value(e.document), name, 1, values);
    return is_list ? "a list of " + std::string(name) + ", where one value is needed" : "no " + std::string(name);
}

bool is_part_of_events(std::string_view name) noexcept
{
    for (const std::string_view attribute : {"id", "source", "type", "subject", "tenantid"}) {
        if (name == attribute) { return true; }
    }
    return name.starts_with("data.") && name.size() > 5 && !name.ends_with('.') && name.find("..") == name.npos;
}

constexpr std::string_view own_type = "tiercel.invalidate.";

std::optional<std::string> from_base64(std::string_view text)
{
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    std::uint32_t bits = 0;
    unsigned n = 0;
    while (text.ends_with('=')) { text.remove_suffix(1); }
    for (const char c : text) {
        const std::size_t digit = digits.find(c);
        if (digit == digits.npos) { return std::nullopt; }
        bits = (bits << 6 | static_cast<std::uint32_t>(digit)) & 0xFFFFFF;
        n += 6;
        if (n >= 8) {
            n -= 8;
            out.push_back(static_cast<char>(bits >> n & 0xFF));
        }
    }
    return out;
}

bool is_said_to_be_json(const json::object& o)
{
    const std::string type = text_at(o, "datacontenttype");
    return type.empty() || type.find("json") != type.npos;   // without a type it is JSON (CloudEvents 1.0, 3.1.1)
}

// What a CloudEvent carries in either of the two ways, or what is wrong with that. Data of another kind than JSON is none of ours.
struct data_found {
    json::value data;
    std::string problem;
};
data_found data_of(const json::object& o)
{
    const json::value* const plain = o.if_contains("data");
    const json::value* const encoded = o.if_contains("data_base64");
    if (encoded == nullptr || encoded->is_null()) { return {plain != nullptr ? *plain : json::value(), {}}; }
    if (plain != nullptr) { return {{}, "it has both data and data_base64"}; }
    if (!is_said_to_be_json(o)) { return {}; }
    const auto text = encoded->is_string() ? from_base64(view(encoded->as_string())) : std::nullopt;
    if (!text) { return {{}, "data_base64 is not base64"}; }
    boost::system::error_code ec;
    json::value data = json::parse(json::string_view(text->data(), text->size()), ec);
    if (ec) { return {{}, "data_base64 does not hold JSON: " + ec.message()}; }
    return {std::move(data), {}};
}

}  // namespace

event_read read_event(std::string_view text)
{
    boost::system::error_code ec;
    const json::value v = json::parse(json::string_view(text.data(), text.size()), ec);
    if (ec) { return refused("not JSON: " + ec.message()); }
    return read_parsed_event(v);
}

event_read read_parsed_event(const json::value& v)
{
    if (!v.is_object()) { return refused("not a JSON object"); }
    const json::object& o = v.as_object();
    event e;
    data_found found;
    const bool is_cloud_event = o.contains("specversion");
    if (is_cloud_event) {
        const std::string version = text_at(o, "specversion");
        if (!version.starts_with("1.") && version != "1") { return refused("specversion \"" + version + "\" is not 1"); }
        e.id = text_at(o, "id");
        e.source = text_at(o, "source");
        e.type = text_at(o, "type");
        e.subject = text_at(o, "subject");
        e.time = read_time(text_at(o, "time"));
        found = data_of(o);
    } else if (o.contains("eventId") || o.contains("eventType")) {
        e.id = text_at(o, "eventId");
        e.type = text_at(o, "eventType");
        e.source = first_of(o, {"source", "aggregateType"});
        e.subject = text_at(o, "aggregateId");
        e.time = read_time(text_at(o, "timestamp"));
        if (const json::value* const payload = o.if_contains("payload")) { found.data = *payload; }
    } else {
        return refused("neither specversion nor eventId");
    }
    for (const auto& [cloud, other, what] : {std::tuple("id", "eventId", "id"), std::tuple("type", "eventType", "type")}) {
        if (std::string why = problem_of_name(o, is_cloud_event ? cloud : other, what); !why.empty()) { return refused(std::move(why)); }
    }
    if (std::string why = problem_of_name(o, "source", "source"); is_cloud_event && !why.empty()) { return refused(std::move(why)); }
    if (e.source.size() > longest_name) { return refused("the source is longer than 1,024 characters"); }
    if (!found.problem.empty()) { return refused(std::move(found.problem)); }
    e.version = version_of(o, e.type);
    e.tenant = first_of(o, {"tenantid", "tenantId", "tenant"});
    if (found.data.is_object()) {
        if (e.tenant.empty()) { e.tenant = first_of(found.data.as_object(), {"tenant", "tenantId", "tenantid", "tenant_id"}); }
        e.document["data"] = std::move(found.data);
    }
    e.document["id"] = e.id;
    e.document["source"] = e.source;
    e.document["type"] = e.type;
    e.document["subject"] = e.subject;
    e.document["tenantid"] = e.tenant;
    if (e.type.starts_with(own_type) && e.version != "1") { return refused("version: this type is known as " + std::string(own_type) + "v1 only"); }
    event_read out;
    out.good.emplace(std::move(e));
    return out;
}

std::optional<std::int64_t> read_time(std::string_view text) noexcept
{
    // 2026-11-25T05:00:00[.123456](Z|+01:00)
    if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') {
        return std::nullopt;
    }
    bool good = true;
    const auto part = [&](std::size_t at, std::size_t n) { return number_in(text.substr(at, n), good); };
    const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(part(0, 4))), std::chrono::month(static_cast<unsigned>(part(5, 2))),
                                          std::chrono::day(static_cast<unsigned>(part(8, 2)))};
    const std::int64_t hours = part(11, 2);
    const std::int64_t minutes = part(14, 2);
    const std::int64_t seconds = part(17, 2);
    if (!good || !day.ok() || hours > 23 || minutes > 59 || seconds > 60) { return std::nullopt; }
    std::size_t at = 19;
    std::int64_t micros = 0;
    if (text[at] == '.') {
        std::int64_t unit = 100'000;
        for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) { micros += (text[at] - '0') * unit; }
    }
    std::int64_t offset = 0;
    const std::string_view zone = text.substr(at);
    if (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':') {
        offset = number_in(zone.substr(1, 2), good) * 60 + number_in(zone.substr(4, 2), good);
        offset = zone[0] == '-' ? -offset : offset;
    } else if (zone != "Z" && zone != "z") {
        return std::nullopt;
    }
    if (!good) { return std::nullopt; }
    const std::int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
    return (((days * 24 + hours) * 60 + minutes - offset) * 60 + seconds) * 1'000'000 + micros;
}

std::optional<std::string> value_at(const event& e, std::string_view path)
{
    const json::object* at = &e.document;
    for (;;) {
        const std::size_t dot = std::min(path.find('.'), path.size());
        const json::value* const v = at->if_contains(path.substr(0, dot));
        if (v == nullptr) { return std::nullopt; }
        if (dot == path.size()) { return text_of(*v); }
        if (!v->is_object()) { return std::nullopt; }
        at = &v->as_object();
        path.remove_prefix(dot + 1);
    }
}

std::optional<std::string> problem_of_event_template(std::string_view text)
{
    for (std::size_t at = text.find_first_of("{}"); at != text.npos; at = text.find_first_of("{}", at)) {
        const std::size_t end = text.find_first_of("{}", at + 1);
        if (text[at] == '}' || end == text.npos || text[end] != '}') { return "has a brace without its partner"; }
        if (end == at + 1) { return "names nothing between its braces"; }
        const std::string_view name = text.substr(at + 1, end - at - 1);
        if (!is_part_of_events(name)) { return "names {" + std::string(name) + "}: events have id, source, type, subject, tenantid and data.…"; }
        at = end + 1;
    }
    return std::nullopt;
}

expanded expand(std::string_view text, const event& e)
{
    std::string out;
    for (;;) {
        const std::size_t open = std::min(text.find('{'), text.size());
        out.append(text.substr(0, open));
        if (open == text.size()) { return {std::move(out), {}}; }
        const std::size_t close = text.find('}', open);
        const std::string_view name = text.substr(open + 1, close - open - 1);
        const auto value = value_at(e, name);
        if (!value) { return {std::nullopt, why_not_one(e, name)}; }
        out.append(*value);
        text.remove_prefix(close + 1);
    }
}

expansions expand_all(std::string_view text, const event& e, std::size_t most)
{
    expansions out{{std::string()}, {}};
    const json::value document(e.document);
    for (;;) {
        const std::size_t open = std::min(text.find('{'), text.size());
        for (std::string& t : out.texts) { t.append(text.substr(0, open)); }
        if (open == text.size()) { return out; }
        const std::size_t close = text.find('}', open);
        const std::string name(text.substr(open + 1, close - open - 1));
        std::vector<std::string> values;
        if (!collect(document, name, most, values)) { return {{}, "no " + name}; }
        if (out.texts.size() * values.size() > most) { return {{}, "too many " + name}; }
        std::vector<std::string> longer;
        for (const std::string& t : out.texts) {
            for (const std::string& v : values) { longer.push_back(t + v); }
        }
        out.texts = std::move(longer);
        text.remove_prefix(close + 1);
    }
}

std::optional<std::vector<std::string>> changed_fields(const event& e)
{
    const json::value* const data = e.document.if_contains("data");
    if (data == nullptr || !data->is_object()) { return std::nullopt; }
    for (const std::string_view name : {"changedFields", "changed_fields", "changed"}) {
        const json::value* const v = data->as_object().if_contains(name);
        std::vector<std::string> out;
        if (v != nullptr && v->is_array()) {
            for (const json::value& f : v->as_array()) {
                if (!f.is_string()) { return std::nullopt; }
                out.emplace_back(view(f.as_string()));
            }
            return out;
        }
        if (v != nullptr && v->is_object()) {
            for (const auto& f : v->as_object()) { out.emplace_back(f.key().data(), f.key().size()); }
            return out;
        }
    }
    return std::nullopt;
}

}  // namespace tiercel::events
