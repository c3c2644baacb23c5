// Dictionaries: keys come sorted and once; what is read can be written again and reads the same.

#include <tiercel/check.hpp>

#include "http/structured_field.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace tiercel;

constexpr std::int64_t largest = 999'999'999'999'999;

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
    out += "=\"";
    for (const char c : m.string) {
        out += c == '"' || c == '\\' ? "\\" : "";
        out += c;
    }
    return out + "\"";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
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
