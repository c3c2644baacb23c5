#pragma once

// An entry as bytes in a shared store, and back. What comes back is not trusted: another version may have written it,
// Redis may hold garbage under our name, two keys may share a 128-bit hash. Anything that does not verify is a miss.
//
// Layout, little endian, no padding:
//
//      0  "HC"                     52  partition      u16      108  received, wall time     i64
//      2  major           u8       54  delta, ms      u32      116  date, s since 1970      i64
//      3  minor           u8       58  key length     u32      124  last modified, s        i64
//      4  must flags      u16      62  scope count    u16      132  etag length             u32
//      6  may flags       u16      64  head length    u32      136  key, scopes (u64 each), head, etag, body
//      8  status          u16      68  body length    u64
//     10  header length   u16      76  stored length  u64
//     12  stored at       i64      84  checksum       u64 (XXH3-64 of everything else)
//     20  fresh until     i64      92  unreachable until i64
//     28  swr until       i64     100  initial age, ms   i64
//     36  sie until       i64
//     44  stamp           u64
//
// Times are milliseconds on the shared (Redis) clock unless said otherwise. A later minor version appends fields after
// offset 136 and says so in the header length; readers skip what they do not know. Stored length differs from body length
// only when a must flag says that the body is compressed, which no version does yet.

#include <tiercel/entry.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace tiercel {

enum class decode_error : std::uint8_t {
    truncated,         // shorter than the header
    bad_magic,         // not ours
    unknown_version,   // a major version of another release
    unknown_flag,      // a must flag of another release
    checksum,          // damaged
    length,            // lengths that do not add up
    bad_field,         // a value outside its range
    bad_head,          // no head that was ever written here: it would split an answer, or contradict the content
    wrong_key,         // whole, but of another key: a hash collision
    last_
};
std::string_view name_of(decode_error e) noexcept;   // label of l2_errors_total
// Should the stored value be deleted? Not what another release or another key may still need.
bool is_damage(decode_error e) noexcept;

// `shared_minus_local`: what to add to an `instant` to get shared time.
std::string encode(const entry& e, milliseconds shared_minus_local);

// `seeded`: this process's hash of `expected_key`. The stamp stays the writer's: all who share a store number invalidations alike.
std::variant<entry_ptr, decode_error> decode(std::string_view bytes, std::string_view expected_key, const hash128& seeded,
                                             milliseconds shared_minus_local);

}  // namespace tiercel
