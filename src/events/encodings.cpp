#include "events/encodings.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

namespace tiercel::events {
namespace {

namespace json = boost::json;

constexpr std::string_view attribute = "ce-";

std::string essence_of(std::string_view type)
{
    std::string out(type.substr(0, type.find_first_of("; \t")));
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

bool is_json(std::string_view essence) noexcept { return essence == "application/json" || essence.ends_with("+json"); }

int digit(char c) noexcept
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// HTTP binding, 3.1.3.2: values are percent-encoded. Half an escape stands for itself.
std::string decoded(std::string_view value)
{
    std::string out;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const bool escape = value[i] == '%' && i + 2 < value.size() && digit(value[i + 1]) >= 0 && digit(value[i + 2]) >= 0;
        out.push_back(escape ? static_cast<char>(digit(value[i + 1]) * 16 + digit(value[i + 2])) : value[i]);
        i += escape ? 2 : 0;
    }
    return out;
}

std::optional<json::value> parsed(std::string_view text)
{
    boost::system::error_code ec;
    json::value v = json::parse(json::string_view(text.data(), text.size()), ec);
    return ec ? std::nullopt : std::optional(std::move(v));
}

events_found refused(std::string why) { return {{}, std::move(why)}; }

// What is written down here must be readable again: Boost.JSON reads 1e400 (and 0e400), writes Infinity (and NaN), and does not read that.
void drop_infinities(json::value& v)
{
    if (v.is_double() && !std::isfinite(v.as_double())) { v = nullptr; }
    if (v.is_array()) {
        for (json::value& item : v.as_array()) { drop_infinities(item); }
    } else if (v.is_object()) {
        for (auto& member : v.as_object()) { drop_infinities(member.value()); }
    }
}

events_found find_batch(std::string_view body)
{
    auto v = parsed(body);
    if (!v || !v->is_array()) { return refused("a batch must be a JSON array"); }
    drop_infinities(*v);
    events_found out;
    for (const json::value& e : v->as_array()) { out.texts.push_back(json::serialize(e)); }
    if (out.texts.empty()) { out.problem = "the batch is empty"; }
    return out;
}

// The attributes are in fields that begin with "ce-", the data is the body.
events_found find_binary(std::string_view essence, const field_list& fields, std::string_view body)
{
    json::object e;
    for (const auto& [name, value] : fields) {
        if (!name.starts_with(attribute)) { continue; }
        const std::string_view key = std::string_view(name).substr(attribute.size());
        // Which of two would count is anybody's guess; and data has a place of its own.
        if (key.empty() || key == "data" || key == "data_base64" || e.contains(key)) { return refused("field " + name + " has no place or stands twice"); }
        e[key] = decoded(value);
    }
    if (auto data = body.empty() ? std::nullopt : parsed(body)) {
        drop_infinities(*data);
        e["data"] = std::move(*data);
    } else if (!body.empty() && (essence.empty() || is_json(essence))) {
        return refused("the data is not JSON");
    }
    return {{json::serialize(e)}, {}};
}

}  // namespace

events_found find_events(std::string_view content_type, const field_list& fields, std::string_view body)
{
    const std::string essence = essence_of(content_type);
    if (essence == "application/cloudevents-batch+json") { return find_batch(body); }
    const bool binary = std::any_of(fields.begin(), fields.end(), [](const auto& f) { return f.first == "ce-id"; });
    if (binary && !essence.starts_with("application/cloudevents")) { return find_binary(essence, fields, body); }
    return {{std::string(body)}, {}};
}

}  // namespace tiercel::events
