#include "cache/part_index.hpp"

#include "cache/entries.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tiercel {
namespace {

struct record {
    std::string selection;
    std::string asked;
    friend bool operator==(const record&, const record&) = default;
};

entry_ptr index_of(std::string_view bytes)
{
    entry_parts p;
    p.small_body = bytes;
    return entry::make(p);
}

std::vector<record> records_in(std::string_view bytes)
{
    const entry_ptr index = index_of(bytes);
    std::vector<record> all;
    for (const part_record r : part_records_of(*index)) {
        all.push_back({std::string(r.selection()), std::string(r.asked())});
    }
    return all;
}

TEST(PartIndex, ReadsWhatWasWrittenInItsOrder)
{
    std::string bytes;
    EXPECT_TRUE(append_part_record(bytes, "some bytes", "bytes=0-9"));
    EXPECT_TRUE(append_part_record(bytes, "", "bytes=-5"));
    const std::vector<record> expected{{"some bytes", "bytes=0-9"}, {"", "bytes=-5"}};
    EXPECT_EQ(records_in(bytes), expected);
    EXPECT_TRUE(records_in("").empty());
}

TEST(PartIndex, RecordsAreBoundedSoThatAnIndexLiesInItsEntry)
{
    std::string bytes;
    EXPECT_FALSE(append_part_record(bytes, std::string(most_record_bytes, 'v'), "bytes=0-9"));
    EXPECT_EQ(bytes, "");
    for (std::size_t i = 0; i < most_parts; ++i) {
        EXPECT_TRUE(append_part_record(bytes, std::string(most_record_bytes - 20, 'v'), "bytes=0-9"));
    }
    EXPECT_EQ(index_of(bytes)->small_body().size(), bytes.size());
    EXPECT_EQ(records_in(bytes).size(), most_parts);
}

TEST(PartIndex, DamageEndsTheReading)
{
    std::string bytes;
    append_part_record(bytes, "v", "bytes=0-9");
    const std::string whole = bytes;
    EXPECT_EQ(records_in(whole + "\xff").size(), 1u);
    EXPECT_TRUE(records_in(whole.substr(0, whole.size() - 1)).empty());
    EXPECT_EQ(records_in(std::string("\x01\x05", 2) + whole).front(), record());   // a frame that is no record
}

TEST(PartIndex, KeysAreTheirOwn)
{
    const std::string primary = test::key_of("/a");
    const std::string index = part_index_key(primary);
    const std::string part = part_key(primary, "", "bytes=0-9");
    std::string varies = primary;                         // an answer that varies on Range
    append_secondary(varies, "range", "bytes=0-9", true);
    EXPECT_NE(index, primary);
    EXPECT_NE(part, primary);
    EXPECT_NE(part, index);
    EXPECT_NE(part, varies);
    EXPECT_NE(part, part_key(primary, "", "bytes=0-8"));
    std::string selection;
    append_secondary(selection, "accept", "a", true);
    EXPECT_NE(part, part_key(primary, selection, "bytes=0-9"));
    EXPECT_EQ(key_text(part), "t|http|example.com|/a|stored%20part=bytes=0-9");
}

}  // namespace
}  // namespace tiercel
