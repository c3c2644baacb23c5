#include "l2/redis_name.hpp"

#include "l2/fixtures.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tiercel::l2 {
namespace {

using namespace std::string_literals;

// What a cluster hashes to find the slot: the text between the first '{' and the first '}' after it.
std::string hash_tag(std::string_view name)
{
    const auto begin = name.find('{') + 1;
    return std::string(name.substr(begin, name.find('}', begin) - begin));
}

TEST(LockName, LiesInTheSlotOfItsEntry)
{
    const std::string entry = entry_name("tcl", "t/1", "key");
    const std::string stem = entry.substr(0, entry.size() - 1);
    EXPECT_EQ(lock_name("tcl", "t/1", "key"), stem + "l");
    EXPECT_EQ(waiters_name("tcl", "t/1", "key"), stem + "w");
}

TEST(WakeChannel, DiffersByPrefixAndDatabase)
{
    EXPECT_EQ(wake_channel("tcl", 0), "tcl:wake");
    EXPECT_EQ(wake_channel("tcl", 3), "tcl:wake:3");
}

TEST(EntryName, IsPrefixTenantAndStableHash)
{
    const std::string key = key_of("/a");
    EXPECT_EQ(entry_name("tcl", "acme", key), "tcl:{acme/" + hex(stable_hash(key)) + "}:e");
    EXPECT_EQ(entry_name("p:q", "", key), "p:q:{/" + hex(stable_hash(key)) + "}:e");
}

TEST(EntryName, IsTheSameOnEveryNodeForever)
{
    // A literal, so that a change of hash or layout shows: it would empty every shared cache.
    EXPECT_EQ(entry_name("tcl", "t", "any bytes"), "tcl:{t/e9e4c4201b0e9d0b3d5f9bf1ed886127}:e");
}

TEST(EntryName, NoTenantEscapesItsTag)
{
    const std::string key = key_of("/a");
    std::set<std::string> names;
    const std::vector<std::string> tenants = {"a",  "a}",  "a{", "}",   "{a}", "a/b", "a%7D", "a|b", "a b",
                                              "a\r\nSET", "a\0b"s, "\x7f", "%",   "",    "ü",   "a/"};
    for (const std::string& tenant : tenants) {
        const std::string name = entry_name("tcl", tenant, key);
        EXPECT_TRUE(names.insert(name).second) << name << " names two tenants";
        const std::string tag = hash_tag(name);
        EXPECT_TRUE(tag.ends_with("/" + hex(stable_hash(key)))) << tag << ": the whole key is not in one slot of its own";
        EXPECT_EQ(name, "tcl:{" + tag + "}:e");
        for (const char c : name) { EXPECT_GT(static_cast<unsigned char>(c), 0x20) << name; }
    }
    EXPECT_EQ(hash_tag(entry_name("tcl", "a}/", key)).substr(0, 8), "a%7D%2F/");
}

TEST(EntryName, KeysOfOneTenantHaveDifferentTags)
{
    std::set<std::string> tags;
    for (int i = 0; i < 1000; ++i) { tags.insert(hash_tag(entry_name("tcl", "t", key_of("/" + std::to_string(i))))); }
    EXPECT_EQ(tags.size(), 1000u);
}

}  // namespace
}  // namespace tiercel::l2
