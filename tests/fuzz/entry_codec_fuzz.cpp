// Bytes from a shared store: whatever they are, decoding either refuses them or yields an entry that encodes to the same
// meaning again, and which can be judged. Each input is tried as it is, and once more with the right checksum, because otherwise nothing gets past it.

#include <tiercel/check.hpp>

#include "cache/entry_codec.hpp"
#include "cache/vary_index.hpp"
#include "http/head_parser.hpp"

#include <tiercel/rules.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace {

using namespace tiercel;

constexpr std::size_t checksum_at = 84;
constexpr milliseconds offset{1000};

constexpr instant now{milliseconds{1'700'000'000'000}};

void judge(const entry& e)
{
    caching_policy policy;
    policy.request_directives = request_directives_rule::honour;
    for (const std::string_view text : {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nCache-Control: max-age=9, max-stale=9, min-fresh=1\r\n\r\n"}) {
        request_head_parser rq({.uri = 8192, .header_bytes = 65536, .header_count = 200});
        TIERCEL_CHECK(rq.parse(text));
        TIERCEL_CHECK(judge_reuse(rq.head(), &e, policy, now).what == judge_reuse(rq.head(), &e, policy, now).what);
    }
    TIERCEL_CHECK(may_serve_on_failure(e, failure::unreachable, now) || !may_serve_on_failure(e, failure::server_error, now));
}

// The key that the bytes claim to have, so that inputs with any key come through.
std::string_view claimed_key(std::string_view bytes)
{
    if (bytes.size() < 136) { return {}; }
    const auto byte = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(bytes[i])}; };
    const std::size_t header = byte(10) | byte(11) << 8;
    const std::size_t length = byte(58) | byte(59) << 8 | byte(60) << 16 | byte(61) << 24;
    return header <= bytes.size() ? bytes.substr(header, length) : std::string_view();
}

void try_decode(std::string_view bytes)
{
    const std::string_view key = claimed_key(bytes);
    const auto got = decode(bytes, key, {}, offset);
    if (const auto* e = std::get_if<entry_ptr>(&got)) {
        byte_count size = 0;
        while (size < (*e)->body_size()) {
            size += (*e)->body_at(size).size();
        }
        if ((*e)->is(entry_flag::vary_descriptor)) {
            size += generation_of(**e) + count_variants(**e, (*e)->times().received);
            for (const vary_list list : vary_lists_of(**e)) {
                for (const std::string_view name : list) {
                    size += name.size();
                }
            }
        }
        const auto again = decode(encode(**e, offset), key, {}, offset);
        TIERCEL_CHECK(std::holds_alternative<entry_ptr>(again));
        const entry& copy = *std::get<entry_ptr>(again);
        TIERCEL_CHECK(copy.head() == (*e)->head() && copy.etag() == (*e)->etag() && copy.flags() == (*e)->flags());
        judge(**e);
        TIERCEL_CHECK(copy.body_size() == (*e)->body_size() && copy.status() == (*e)->status());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    std::string bytes(reinterpret_cast<const char*>(data), size);
    try_decode(bytes);
    if (bytes.size() >= checksum_at + 8) {
        std::string covered = bytes;
        covered.erase(checksum_at, 8);
        const std::uint64_t sum = XXH3_64bits(covered.data(), covered.size());
        for (std::size_t i = 0; i < 8; ++i) {
            bytes[checksum_at + i] = static_cast<char>(sum >> (8 * i));
        }
        try_decode(bytes);
    }
    return 0;
}
