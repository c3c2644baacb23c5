// Dictionaries: keys come sorted and once; what is read can be written again and reads the same. So do lists of strings.

#include <tiercel/check.hpp>

#include "http/structured_field.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace tiercel;

constexpr std::int64_t largest = 999'999'999'999'999;

std::string quoted(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        out += c == '"' || c == '\\' ? "\\" : "";
        out += c;
    }
    return out + "\"";
}

void try_list(std::string_view text)
{
    if (const auto list = parse_sf_string_list(text)) {
        std::string again;
        for (const std::string& member : *list) {
            again += (again.empty() ? "" : ", ") + quoted(member);
        }
        TIERCEL_CHECK(parse_sf_string_list(again) == list);
    }
}

// A member in its canonical form, with some value of its type where the value was dropped.
std::string written(const sf_member& m)
{
    std::string out(m.key);
    switch (m.type) {
    case sf_type::integer: return out + "=" + std::to_string(m.integer);
    case sf_type::decimal: return out + "=0.5";
    case sf_type::token: return out + "=t";
    case sf_type::byte_sequence: return out + "=::";
    case sf_type::boolean: return out + (m.boolean ? "" : "=?0");
    case sf_type::inner_list: return out + "=()";
    case sf_type::string: break;
    }
    return out + "=" + quoted(m.string);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try_list(std::string_view(reinterpret_cast<const char*>(data), size));
    const auto members = parse_sf_dictionary(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!members) {
        return 0;
    }
    std::string text;
    std::string_view before;
    for (const sf_member& m : *members) {
        TIERCEL_CHECK(before < m.key);
        TIERCEL_CHECK(m.integer >= -largest && m.integer <= largest);
        before = m.key;
        text += (text.empty() ? "" : ", ") + written(m);
    }
    const auto again = parse_sf_dictionary(text);
    TIERCEL_CHECK(again && again->size() == members->size());
    for (std::size_t i = 0; i < members->size(); ++i) {
        const sf_member& a = (*members)[i];
        const sf_member& b = (*again)[i];
        TIERCEL_CHECK(a.key == b.key && a.type == b.type && a.integer == b.integer && a.boolean == b.boolean &&
                      a.string == b.string);
    }
    return 0;
}
