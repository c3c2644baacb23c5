#include "cache/entry_codec.hpp"

#include "http/stored_head.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tiercel {
namespace {

constexpr std::string_view magic = "HC";
constexpr std::uint8_t major_version = 1;
constexpr std::uint8_t minor_version = 0;
constexpr std::size_t checksum_at = 84;
constexpr std::size_t checksum_end = checksum_at + 8;
constexpr std::size_t header_size = 136;
constexpr std::int64_t no_date = std::numeric_limits<std::int64_t>::min();

// The numbers on the wire are independent of those in memory. Must: who does not understand it must not use the entry.
struct wire_flag {
    std::uint16_t bit;
    entry_flag flag;
};
constexpr std::array must_flags{
    wire_flag{1u << 0, entry_flag::must_revalidate},
    wire_flag{1u << 1, entry_flag::no_cache},
    wire_flag{1u << 3, entry_flag::vary_descriptor},   // 1u << 2 was a descriptor without generation
};
constexpr std::array may_flags{
    wire_flag{1u << 0, entry_flag::negative},
    wire_flag{1u << 1, entry_flag::has_etag},
    wire_flag{1u << 2, entry_flag::has_last_modified},
    wire_flag{1u << 3, entry_flag::explicit_lifetime},
    wire_flag{1u << 4, entry_flag::immutable},
};

template <std::size_t N>
std::uint16_t to_wire(const std::array<wire_flag, N>& table, entry_flag flags) noexcept
{
    unsigned bits = 0;
    for (const wire_flag& f : table) {
        bits |= has(flags, f.flag) ? f.bit : 0u;
    }
    return static_cast<std::uint16_t>(bits);
}

template <std::size_t N>
entry_flag from_wire(const std::array<wire_flag, N>& table, std::uint16_t bits) noexcept
{
    entry_flag flags = entry_flag::none;
    for (const wire_flag& f : table) {
        if ((bits & f.bit) != 0) { flags = flags | f.flag; }
    }
    return flags;
}

template <std::size_t N>
bool has_unknown(const std::array<wire_flag, N>& table, std::uint16_t bits) noexcept
{
    for (const wire_flag& f : table) {
        bits = static_cast<std::uint16_t>(bits & ~f.bit);
    }
    return bits != 0;
}

template <class Int>
void put(std::string& out, Int value)
{
    const auto bits = static_cast<std::uint64_t>(static_cast<std::make_unsigned_t<Int>>(value));
    char bytes[sizeof(Int)];
    for (std::size_t i = 0; i < sizeof(Int); ++i) {
        bytes[i] = static_cast<char>(bits >> (8 * i));
    }
    out.append(bytes, sizeof(Int));
}

// Reads fields one after another. REQUIRES of take(): the bytes are there (the caller has checked the header size).
class reader {
public:
    explicit reader(std::string_view bytes) noexcept : rest_(bytes) {}

    template <class Int>
    Int take() noexcept
    {
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < sizeof(Int); ++i) {
            bits |= std::uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
        }
        rest_.remove_prefix(sizeof(Int));
        return static_cast<Int>(bits);
    }

private:
    std::string_view rest_;
};

std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept
{
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a, b, &sum)) { return sum; }
    return b > 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

std::int64_t saturating_sub(std::int64_t a, std::int64_t b) noexcept
{
    std::int64_t difference = 0;
    if (!__builtin_sub_overflow(a, b, &difference)) { return difference; }
    return b < 0 ? std::numeric_limits<std::int64_t>::max() : std::numeric_limits<std::int64_t>::min();
}

// The end of time is the same on every clock.
std::int64_t to_shared(instant t, milliseconds shared_minus_local) noexcept
{
    const std::int64_t local = t.time_since_epoch().count();
    return t == end_of_time ? local : saturating_add(local, shared_minus_local.count());
}

instant from_shared(std::int64_t shared, milliseconds shared_minus_local) noexcept
{
    const instant t{milliseconds{shared}};
    return t == end_of_time ? t : instant{milliseconds{saturating_sub(shared, shared_minus_local.count())}};
}

std::uint64_t checksum_of(std::string_view bytes) noexcept
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, bytes.data(), checksum_at);
    XXH3_64bits_update(&state, bytes.data() + checksum_end, bytes.size() - checksum_end);
    return XXH3_64bits_digest(&state);
}

std::uint32_t clamp_to_u32(std::int64_t value) noexcept
{
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, std::numeric_limits<std::uint32_t>::max()));
}

struct lengths {
    std::uint16_t header = 0;
    std::uint32_t key = 0;
    std::uint16_t scopes = 0;
    std::uint32_t head = 0;
    std::uint32_t etag = 0;
    std::uint64_t body = 0;
    std::uint64_t stored = 0;
};

// Times that are computed with later must leave room for it; this is 285,000 years either way.
bool is_sane(std::int64_t ms) noexcept
{
    constexpr std::int64_t bound = std::int64_t{1} << 53;
    return -bound <= ms && ms <= bound;
}
bool is_sane(instant t) noexcept { return t == end_of_time || is_sane(t.time_since_epoch().count()); }

// Do the parts make up exactly `total` bytes? Subtracts instead of adding, so nothing can overflow.
bool adds_up(const lengths& n, std::size_t total) noexcept
{
    if (n.header < header_size || n.body != n.stored) { return false; }
    std::uint64_t rest = total;
    for (const std::uint64_t part : {std::uint64_t{n.header}, std::uint64_t{n.key}, std::uint64_t{n.scopes} * 8,
                                     std::uint64_t{n.head}, std::uint64_t{n.etag}, n.stored}) {
        if (part > rest) { return false; }
        rest -= part;
    }
    return rest == 0;
}

std::optional<std::int64_t> date_of(std::int64_t value) noexcept
{
    return value == no_date ? std::nullopt : std::optional(value);
}

}  // namespace

std::string_view name_of(decode_error e) noexcept
{
    switch (e) {
        case decode_error::truncated: return "truncated";
        case decode_error::bad_magic: return "bad_magic";
        case decode_error::unknown_version: return "unknown_version";
        case decode_error::unknown_flag: return "unknown_flag";
        case decode_error::checksum: return "checksum";
        case decode_error::length: return "length";
        case decode_error::bad_field: return "bad_field";
        case decode_error::bad_head: return "bad_head";
        case decode_error::wrong_key: return "wrong_key";
        case decode_error::last_: break;
    }
    return "";
}

bool is_damage(decode_error e) noexcept
{
    return e != decode_error::unknown_version && e != decode_error::unknown_flag && e != decode_error::wrong_key;
}

std::string encode(const entry& e, milliseconds shared_minus_local)
{
    const entry_times& t = e.times();
    const std::string_view key = e.key();
    const std::string_view head = e.head();
    const byte_count body_size = e.body_size();

    std::string out;
    out.reserve(header_size + key.size() + e.scopes().size_bytes() + head.size() + e.etag().size() +
                static_cast<std::size_t>(body_size));
    out += magic;
    put(out, major_version);
    put(out, minor_version);
    put(out, to_wire(must_flags, e.flags()));
    put(out, to_wire(may_flags, e.flags()));
    put(out, static_cast<std::uint16_t>(e.status()));
    put(out, static_cast<std::uint16_t>(header_size));
    put(out, to_shared(t.received, shared_minus_local));
    put(out, to_shared(t.fresh_until, shared_minus_local));
    put(out, to_shared(t.swr_until, shared_minus_local));
    put(out, to_shared(t.sie_until, shared_minus_local));
    put(out, e.stamp());
    put(out, std::uint16_t{0});   // partition
    put(out, clamp_to_u32(t.delta.count()));
    put(out, static_cast<std::uint32_t>(key.size()));
    put(out, static_cast<std::uint16_t>(e.scopes().size()));
    put(out, static_cast<std::uint32_t>(head.size()));
    put(out, body_size);
    put(out, body_size);          // stored
    put(out, std::uint64_t{0});   // checksum, below
    put(out, to_shared(t.unreachable_until, shared_minus_local));
    put(out, t.initial_age.count());
    put(out, saturating_add(t.received.time_since_epoch().count(), t.wall_offset.count()));
    put(out, e.date().value_or(no_date));
    put(out, e.last_modified().value_or(no_date));
    put(out, static_cast<std::uint32_t>(e.etag().size()));
    TIERCEL_CHECK(out.size() == header_size);

    out += key;
    for (const scope_hash scope : e.scopes()) {
        put(out, scope);
    }
    out += head;
    out += e.etag();
    for (byte_count at = 0; at < body_size;) {
        const std::string_view run = e.body_at(at);
        out += run;
        at += run.size();
    }

    std::string checksum;
    put(checksum, checksum_of(out));
    std::memcpy(out.data() + checksum_at, checksum.data(), checksum.size());
    return out;
}

std::variant<entry_ptr, decode_error> decode(std::string_view bytes, std::string_view expected_key, const hash128& seeded,
                                             milliseconds shared_minus_local)
{
    // The order matters: magic and major version decide whether the rest means anything, the checksum whether it is whole.
    // Only then are flags and lengths what somebody once wrote, and an unknown flag the mark of another release.
    if (bytes.size() < header_size) { return decode_error::truncated; }
    if (!bytes.starts_with(magic)) { return decode_error::bad_magic; }
    reader header(bytes.substr(magic.size()));
    if (header.take<std::uint8_t>() != major_version) { return decode_error::unknown_version; }
    reader checksum(bytes.substr(checksum_at));
    if (checksum.take<std::uint64_t>() != checksum_of(bytes)) { return decode_error::checksum; }

    lengths n;
    entry_times t;
    header.take<std::uint8_t>();   // minor: says nothing that the header length does not
    const auto must = header.take<std::uint16_t>();
    const auto may = header.take<std::uint16_t>();
    const auto status = header.take<std::uint16_t>();
    n.header = header.take<std::uint16_t>();
    const auto stored_at = header.take<std::int64_t>();
    t.received = from_shared(stored_at, shared_minus_local);
    t.fresh_until = from_shared(header.take<std::int64_t>(), shared_minus_local);
    t.swr_until = from_shared(header.take<std::int64_t>(), shared_minus_local);
    t.sie_until = from_shared(header.take<std::int64_t>(), shared_minus_local);
    const auto stamp = header.take<std::uint64_t>();
    header.take<std::uint16_t>();  // partition
    t.delta = milliseconds{header.take<std::uint32_t>()};
    n.key = header.take<std::uint32_t>();
    n.scopes = header.take<std::uint16_t>();
    n.head = header.take<std::uint32_t>();
    n.body = header.take<std::uint64_t>();
    n.stored = header.take<std::uint64_t>();
    header.take<std::uint64_t>();  // checksum
    t.unreachable_until = from_shared(header.take<std::int64_t>(), shared_minus_local);
    t.initial_age = milliseconds{header.take<std::int64_t>()};
    const auto received_wall = header.take<std::int64_t>();
    const auto date = header.take<std::int64_t>();
    const auto last_modified = header.take<std::int64_t>();
    n.etag = header.take<std::uint32_t>();

    if (has_unknown(must_flags, must)) { return decode_error::unknown_flag; }
    if (!adds_up(n, bytes.size())) { return decode_error::length; }
    if (status < 100 || status > 999 || !is_sane(stored_at) || !is_sane(received_wall) || !is_sane(t.initial_age.count()) ||
        t.initial_age < milliseconds{0}) {
        return decode_error::bad_field;
    }
    if (!is_sane(t.fresh_until) || !is_sane(t.swr_until) || !is_sane(t.sie_until) || !is_sane(t.unreachable_until)) {
        return decode_error::bad_field;
    }
    t.wall_offset = milliseconds{saturating_sub(received_wall, t.received.time_since_epoch().count())};

    std::string_view rest = bytes.substr(n.header);
    const auto take = [&](std::size_t size) {
        const std::string_view part = rest.substr(0, size);
        rest.remove_prefix(size);
        return part;
    };
    const std::string_view key = take(n.key);
    if (key != expected_key) { return decode_error::wrong_key; }
    reader scope_bytes(take(std::size_t{n.scopes} * 8));
    std::vector<scope_hash> scopes(n.scopes);
    for (scope_hash& s : scopes) {
        s = scope_bytes.take<scope_hash>();
    }

    entry_parts parts;
    parts.key = key;
    parts.hash = seeded;
    parts.times = t;
    parts.flags = from_wire(must_flags, must) | from_wire(may_flags, may);
    parts.stamp = stamp;
    parts.status = status;
    parts.scopes = scopes;
    parts.head = take(n.head);
    parts.etag = take(n.etag);
    parts.last_modified = date_of(last_modified);
    parts.date = date_of(date);
    parts.small_body = rest;
    // The checksum tells of damage, not of who has written. What names the fields that select is never sent, and has no head.
    const bool sound = has(parts.flags, entry_flag::vary_descriptor) ? parts.head.empty() && parts.etag.empty()
                                                                     : is_stored_head(parts.head, status, n.body, parts.etag);
    if (!sound) { return decode_error::bad_head; }
    return entry::make(parts);
}

}  // namespace tiercel
