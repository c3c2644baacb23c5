#include "cache/entry_codec.hpp"

#include "cache/entries.hpp"
#include "cache/vary_index.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tiercel {
namespace {

using test::start;

constexpr milliseconds offset{123'456};
const hash128 seeded{.hi = 3, .lo = 4};

const std::vector<scope_hash>& scopes()
{
    static const std::vector<scope_hash> made{1, ~scope_hash{0}, 0x0102030405060708};
    return made;
}

entry_parts sample()
{
    entry_parts p;
    p.key = "a key";
    p.hash = {.hi = 1, .lo = 2};
    p.times = {.received = start,
               .initial_age = milliseconds{77},
               .fresh_until = start + seconds{10},
               .swr_until = start + seconds{20},
               .sie_until = start + seconds{30},
               .unreachable_until = start + seconds{40},
               .delta = milliseconds{250},
               .wall_offset = milliseconds{-5000}};
    p.flags = entry_flag::must_revalidate | entry_flag::has_etag;
    p.stamp = 5;
    p.status = 203;
    p.scopes = scopes();
    p.head = "HTTP/1.1 203 Non-Authoritative Information\r\nA: b\r\nETag: W/\"x\"\r\nContent-Length: 8\r\n";
    p.etag = "W/\"x\"";
    p.last_modified = -1;
    p.date = 1'700'000'000;
    p.small_body = "the body";
    return p;
}

std::string encoded_sample() { return encode(*entry::make(sample()), offset); }

std::variant<entry_ptr, decode_error> decode_sample(std::string_view bytes)
{
    return decode(bytes, "a key", seeded, offset);
}

std::string error_of(std::string_view bytes)
{
    const auto got = decode_sample(bytes);
    return std::holds_alternative<decode_error>(got) ? std::string(name_of(std::get<decode_error>(got))) : "none";
}

std::string body_of(const entry& e)
{
    std::string out;
    while (out.size() < e.body_size()) {
        out += e.body_at(out.size());
    }
    return out;
}

// Puts the right checksum into bytes that were tampered with, as a writer with other ideas would.
std::string resealed(std::string bytes)
{
    std::string covered = bytes;
    covered.erase(84, 8);
    const std::uint64_t sum = XXH3_64bits(covered.data(), covered.size());
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[84 + i] = static_cast<char>(sum >> (8 * i));
    }
    return bytes;
}

std::string patched(std::size_t at, std::string_view with)
{
    std::string bytes = encoded_sample();
    bytes.replace(at, with.size(), with);
    return resealed(bytes);
}

TEST(EntryCodec, GivesBackWhatWasEncoded)
{
    const entry_ptr before = entry::make(sample());
    const auto got = decode_sample(encode(*before, offset));
    ASSERT_TRUE(std::holds_alternative<entry_ptr>(got));
    const entry& e = *std::get<entry_ptr>(got);
    EXPECT_EQ(e.key(), before->key());
    EXPECT_EQ(e.hash(), seeded);
    EXPECT_EQ(e.times(), before->times());
    EXPECT_EQ(e.flags(), before->flags());
    EXPECT_EQ(e.stamp(), 5u);
    EXPECT_EQ(e.status(), before->status());
    EXPECT_TRUE(std::equal(e.scopes().begin(), e.scopes().end(), scopes().begin(), scopes().end()));
    EXPECT_EQ(e.head(), before->head());
    EXPECT_EQ(e.etag(), before->etag());
    EXPECT_EQ(e.last_modified(), before->last_modified());
    EXPECT_EQ(e.date(), before->date());
    EXPECT_EQ(body_of(e), "the body");
}

TEST(EntryCodec, CarriesEveryFlagAndAbsentValidators)
{
    for (const auto f : {entry_flag::must_revalidate, entry_flag::no_cache, entry_flag::negative, entry_flag::vary_descriptor,
                         entry_flag::has_etag, entry_flag::has_last_modified, entry_flag::explicit_lifetime, entry_flag::none}) {
        entry_parts p;
        p.key = "a key";
        p.flags = f;
        p.head = f == entry_flag::vary_descriptor ? "" : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
        const auto got = decode_sample(encode(*entry::make(p), offset));
        ASSERT_TRUE(std::holds_alternative<entry_ptr>(got));
        const entry& e = *std::get<entry_ptr>(got);
        EXPECT_EQ(e.flags(), f);
        EXPECT_EQ(e.date(), std::nullopt);
        EXPECT_EQ(e.last_modified(), std::nullopt);
        EXPECT_EQ(e.body_size(), 0u);
        EXPECT_TRUE(e.scopes().empty());
    }
}

TEST(EntryCodec, BodiesOfEverySizeSurvive)
{
    for (const std::size_t size : {0u, 1u, 1000u, 32768u, 32769u, 100'000u, 1'000'000u}) {
        std::string content(size, ' ');
        for (std::size_t i = 0; i < size; ++i) {
            content[i] = static_cast<char>(i * 31 >> 3);
        }
        entry_parts p = sample();
        const std::string head = "HTTP/1.1 203 X\r\nETag: W/\"x\"\r\nContent-Length: " + std::to_string(size) + "\r\n";
        p.head = head;
        p.small_body = content;
        const std::string bytes = encode(*entry::make(p), offset);
        const auto got = decode_sample(bytes);
        ASSERT_TRUE(std::holds_alternative<entry_ptr>(got));
        EXPECT_EQ(body_of(*std::get<entry_ptr>(got)), content);
    }
}

TEST(EntryCodec, TimesArriveOnTheClockOfTheReader)
{
    // A writer whose line is 1 h behind the shared clock, a reader whose line is 10 s ahead of it.
    const std::string bytes = encode(*entry::make(sample()), milliseconds{3'600'000});
    const auto got = decode(bytes, "a key", seeded, milliseconds{-10'000});
    const entry& e = *std::get<entry_ptr>(got);
    const milliseconds shift{3'610'000};
    EXPECT_EQ(e.times().received, start + shift);
    EXPECT_EQ(e.times().fresh_until, start + seconds{10} + shift);
    EXPECT_EQ(e.times().unreachable_until, start + seconds{40} + shift);
    // The wall time of reception is the same moment for both.
    EXPECT_EQ((e.times().received + e.times().wall_offset).time_since_epoch(), (start + milliseconds{-5000}).time_since_epoch());
    EXPECT_EQ(e.times().initial_age, milliseconds{77});
}

TEST(EntryCodec, TheEndOfTimeStaysTheEndOfTime)
{
    entry_parts p = sample();
    p.times.fresh_until = end_of_time;
    const auto got = decode(encode(*entry::make(p), milliseconds{500}), "a key", seeded, milliseconds{-700});
    EXPECT_EQ(std::get<entry_ptr>(got)->times().fresh_until, end_of_time);
}

TEST(EntryCodec, VaryDescriptorsRoundTrip)
{
    const std::string_view names[] = {"accept-encoding", "accept-language"};
    entry_parts base = sample();
    const variant_note noted{7, base.times.received + seconds{20}};
    const entry_ptr before = make_vary_descriptor(base, 42, nullptr, names, noted);
    const auto got = decode_sample(encode(*before, offset));
    const entry& e = *std::get<entry_ptr>(got);
    ASSERT_TRUE(e.is(entry_flag::vary_descriptor));
    EXPECT_EQ(vary_lists_of(e).bytes(), vary_lists_of(*before).bytes());
    EXPECT_EQ(generation_of(e), 42u);
    EXPECT_TRUE(has_variant(e, 7, e.times().received + seconds{19}));   // its end has moved to the other clock with the entry
    EXPECT_FALSE(has_variant(e, 7, e.times().received + seconds{21}));
}

TEST(EntryCodec, EverySingleChangedByteIsDetected)
{
    const std::string good = encoded_sample();
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const int mask : {0x01, 0x80, 0xff}) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ mask);
            const std::string want = at < 2 ? "bad_magic" : at == 2 ? "unknown_version" : "checksum";
            ASSERT_EQ(error_of(bad), want) << "byte " << at;
        }
    }
}

TEST(EntryCodec, EveryTruncationAndExtensionIsDetected)
{
    const std::string good = encoded_sample();
    for (std::size_t size = 0; size < good.size(); ++size) {
        ASSERT_EQ(error_of(good.substr(0, size)), size < 136 ? "truncated" : "checksum") << size;
        if (size >= 136) { ASSERT_EQ(error_of(resealed(good.substr(0, size))), "length") << size; }
    }
    EXPECT_EQ(error_of(good + "x"), "checksum");
    EXPECT_EQ(error_of(resealed(good + "x")), "length");
}

TEST(EntryCodec, NoLengthIsTrusted)
{
    using namespace std::string_literals;
    const std::string max32 = "\xff\xff\xff\xff";
    EXPECT_EQ(error_of(patched(10, "\x87\x00"s)), "length");             // a header shorter than that of version 1.0
    EXPECT_EQ(error_of(patched(10, "\xff\xff"s)), "length");
    EXPECT_EQ(error_of(patched(58, max32)), "length");                   // key
    EXPECT_EQ(error_of(patched(62, "\xff\xff")), "length");              // scopes
    EXPECT_EQ(error_of(patched(64, max32)), "length");                   // head
    EXPECT_EQ(error_of(patched(68, max32 + max32 + max32 + max32)), "length");   // body and stored
    EXPECT_EQ(error_of(patched(68, "\x07"s)), "length");                 // body differs from stored: nothing is compressed yet
    EXPECT_EQ(error_of(patched(132, max32)), "length");                  // etag
    // Sums that would wrap around to the right total.
    EXPECT_EQ(error_of(patched(68, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")), "length");
}

TEST(EntryCodec, ValuesOutOfRangeAreRefused)
{
    using namespace std::string_literals;
    const std::string max64("\xff\xff\xff\xff\xff\xff\xff\x7f");
    EXPECT_EQ(error_of(patched(8, "\x00\x00"s)), "bad_field");           // status
    EXPECT_EQ(error_of(patched(8, "\xff\xff")), "bad_field");
    EXPECT_EQ(error_of(patched(12, max64)), "bad_field");                // stored at
    EXPECT_EQ(error_of(patched(100, max64)), "bad_field");               // initial age
    EXPECT_EQ(error_of(patched(100, "\xff\xff\xff\xff\xff\xff\xff\xff")), "bad_field");
    EXPECT_EQ(error_of(patched(108, max64)), "bad_field");               // wall time
    const std::string least("\x00\x00\x00\x00\x00\x00\x00\x80"s);
    const std::string almost_max64("\x00\xff\xff\xff\xff\xff\xff\x7f"s);   // itself it is the end of time
    for (const std::size_t until : {20u, 28u, 36u, 92u}) {
        EXPECT_EQ(error_of(patched(until, least)), "bad_field") << until;
        EXPECT_EQ(error_of(patched(until, almost_max64)), "bad_field") << until;
        EXPECT_EQ(error_of(patched(until, max64)), "none") << until;
    }
}

// Whole bytes whose head was never written here: http/stored_head tests which those are.
TEST(EntryCodec, AHeadThatWouldSplitAnAnswerIsRefused)
{
    const auto error_with = [](std::string_view head, std::string_view etag, entry_flag flags) {
        entry_parts p = sample();
        p.head = head;
        p.etag = etag;
        p.flags = flags;
        return error_of(encode(*entry::make(p), offset));
    };
    const std::string good = "HTTP/1.1 203 X\r\nContent-Length: 8\r\n";
    EXPECT_EQ(error_with(good, {}, {}), "none");
    EXPECT_EQ(error_with(good + "\r\nHTTP/1.1 200 OK\r\n", {}, {}), "bad_head");
    EXPECT_EQ(error_with("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n", {}, {}), "bad_head");   // of another status
    EXPECT_EQ(error_with(good, "\"x\"\r\nY: z", {}), "bad_head");
    EXPECT_EQ(error_with({}, {}, {}), "bad_head");
    EXPECT_EQ(error_with({}, {}, entry_flag::vary_descriptor), "none");
    EXPECT_EQ(error_with(good, {}, entry_flag::vary_descriptor), "bad_head");                  // it is never sent
    EXPECT_TRUE(is_damage(decode_error::bad_head));
}

TEST(EntryCodec, OtherReleasesAreToldApartFromDamage)
{
    using namespace std::string_literals;
    EXPECT_EQ(error_of(patched(2, "\x02")), "unknown_version");
    EXPECT_EQ(error_of(patched(4, "\x00\x80"s)), "unknown_flag");
    EXPECT_EQ(error_of(patched(3, "\x09")), "none");                     // a later minor
    EXPECT_EQ(error_of(patched(7, "\x80")), "none");                     // a may flag that we do not know

    // A later minor with a longer header.
    std::string longer = encoded_sample();
    longer.insert(136, "new field");
    longer[3] = 1;
    longer[10] = static_cast<char>(136 + 9);
    EXPECT_EQ(error_of(longer = resealed(longer)), "none");
    EXPECT_EQ(body_of(*std::get<entry_ptr>(decode_sample(longer))), "the body");

    EXPECT_FALSE(is_damage(decode_error::unknown_version));
    EXPECT_FALSE(is_damage(decode_error::unknown_flag));
    EXPECT_FALSE(is_damage(decode_error::wrong_key));
    EXPECT_TRUE(is_damage(decode_error::checksum));
    EXPECT_TRUE(is_damage(decode_error::bad_magic));
}

TEST(EntryCodec, AnotherKeyUnderTheSameHashIsAMiss)
{
    const std::string bytes = encoded_sample();
    const auto got = decode(bytes, "b key", seeded, offset);
    ASSERT_TRUE(std::holds_alternative<decode_error>(got));
    EXPECT_EQ(std::get<decode_error>(got), decode_error::wrong_key);
}

TEST(EntryCodec, EveryErrorHasANameOfItsOwn)
{
    std::set<std::string_view> names;
    for (int i = 0; i < static_cast<int>(decode_error::last_); ++i) {
        EXPECT_TRUE(names.insert(name_of(static_cast<decode_error>(i))).second);
    }
    EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace tiercel
