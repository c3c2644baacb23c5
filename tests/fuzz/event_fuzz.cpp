// Events as anybody may send them. Input: the media type, then fields ("ce-id: 1") up to an empty line, then the body. What is read has what
// the header promises; an event is the same when it is written down and read again; templates make no text of what is not there.

#include <tiercel/check.hpp>

#include "events/encodings.hpp"
#include "events/event.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace tiercel;
using namespace tiercel::events;

std::string_view take_line(std::string_view& rest)
{
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
}

field_list take_fields(std::string_view& rest)
{
    field_list out;
    for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest)) {
        const std::size_t colon = line.find(": ");
        if (colon != line.npos) { out.emplace_back(line.substr(0, colon), line.substr(colon + 2)); }
    }
    return out;
}

void check_templates(const event& e)
{
    for (const std::string_view name : {"id", "source", "type", "subject", "tenantid", "data.id", "data.items.id", "data.items", "data.x.y"}) {
        const std::string text = "a{" + std::string(name) + "}b";
        TIERCEL_CHECK(!problem_of_event_template(text));
        const auto value = value_at(e, name);
        const expanded single = expand(text, e);
        const expansions all = expand_all(text, e, 16);
        TIERCEL_CHECK(single.text.has_value() == value.has_value());
        TIERCEL_CHECK(all.texts.size() <= 16 && (all.missing.empty() || all.texts.empty()));
        if (value) {
            TIERCEL_CHECK(!value->empty() && *single.text == "a" + *value + "b");
            TIERCEL_CHECK(all.texts.size() == 1 && all.texts[0] == *single.text);
        }
    }
    const std::string twice = "{data.items.id}{data.items.id}";
    TIERCEL_CHECK(expand_all(twice, e, 16).texts.size() <= 16);
}

void check_event(std::string_view text)
{
    const event_read r = read_event(text);
    TIERCEL_CHECK(r.good.has_value() == r.problem.empty());
    if (!r.good) { return; }
    const event& e = *r.good;
    TIERCEL_CHECK(!e.id.empty() && e.id.size() <= 1024 && e.source.size() <= 1024 && !e.type.empty());
    TIERCEL_CHECK(e.key().ends_with(e.source + e.id));
    TIERCEL_CHECK(value_at(e, "id") == e.id && value_at(e, "type") == e.type);
    changed_fields(e);
    check_templates(e);
    boost::system::error_code ec;
    const boost::json::value v = boost::json::parse(boost::json::string_view(text.data(), text.size()), ec);
    const std::string written = boost::json::serialize(v);
    if (written.find("Infinity") != written.npos || written.find("NaN") != written.npos) { return; }   // cannot be read again, see encodings.cpp
    const event_read again = read_event(written);
    TIERCEL_CHECK(!ec && again.good && again.good->key() == e.key() && again.good->type == e.type && again.good->tenant == e.tenant);
    TIERCEL_CHECK(again.good->version == e.version && again.good->time == e.time);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const std::string_view type = take_line(rest);
    const field_list fields = take_fields(rest);
    const events_found found = find_events(type, fields, rest);
    TIERCEL_CHECK(found.problem.empty() != found.texts.empty());
    for (const std::string& text : found.texts) { check_event(text); }
    check_event(rest);
    problem_of_event_template(rest);
    read_time(rest.substr(0, 40));
    return 0;
}
