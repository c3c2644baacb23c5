// Cache-Control, loose and targeted: times lie between zero and the cap, the unqualified form leaves no fields, reading twice
// gives the same; and no line, whatever is in it, hides a no-store in the next one without being called malformed.

#include <tiercel/check.hpp>

#include "http/cache_control.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

namespace {

using namespace tiercel;

auto members_of(const cache_directives& c)
{
    return std::tie(c.present, c.malformed, c.no_store, c.no_cache, c.private_, c.public_, c.must_revalidate,
                    c.proxy_revalidate, c.must_understand, c.no_transform, c.immutable, c.only_if_cached, c.max_age,
                    c.s_maxage, c.stale_while_revalidate, c.stale_if_error, c.min_fresh, c.max_stale, c.private_fields,
                    c.no_cache_fields);
}

void check_sane(const cache_directives& c)
{
    for (const auto& time : {c.max_age, c.s_maxage, c.stale_while_revalidate, c.stale_if_error, c.min_fresh, c.max_stale}) {
        TIERCEL_CHECK(!time || (time->count() >= 0 && time->count() <= 1'000'000'000'000));
    }
    TIERCEL_CHECK(!c.private_ || c.private_fields.empty());
    TIERCEL_CHECK(!c.no_cache || c.no_cache_fields.empty());
    for (const auto* fields : {&c.private_fields, &c.no_cache_fields}) {
        for (const std::string& name : *fields) {
            TIERCEL_CHECK(!name.empty() && name.find_first_of(" \t,\"=ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view value(reinterpret_cast<const char*>(data), size);
    const cache_directives c = parse_cache_control(value);
    check_sane(c);
    TIERCEL_CHECK(members_of(c) == members_of(parse_cache_control(value)));

    const field lines[] = {{"Cache-Control", value, header::cache_control}, {"X-Cache", value, header::other},
                           {"Cache-Control", "no-store", header::cache_control}};
    message_head head;
    head.fields = lines;
    head.present = std::uint64_t{1} << static_cast<unsigned>(header::cache_control);
    const cache_directives two_lines = parse_cache_control(head);
    check_sane(two_lines);
    TIERCEL_CHECK(two_lines.no_store || two_lines.malformed);

    const auto strict = parse_targeted(head, "x-cache");
    TIERCEL_CHECK(strict.has_value() == parse_targeted(head, "X-CACHE").has_value());
    if (strict) {
        check_sane(*strict);
        TIERCEL_CHECK(strict->present && !strict->malformed && !strict->only_if_cached);
        TIERCEL_CHECK(!strict->min_fresh && !strict->max_stale);
    }
    return 0;
}
