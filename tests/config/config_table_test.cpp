#include "config/config_table.hpp"

#include "config/config_print.hpp"
#include "config/load_support.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tiercel::config {
namespace {

// A configuration with at least one item in every list and map, so that every row has a value somewhere.
void fill(const schema& s, void* owner)
{
    for (const auto& k : s.keys) {
        if (k.entry == nullptr) {
            fill(k, owner);
        } else if (k.entry->what == shape::items || k.entry->what == shape::named) {
            k.entry->clear(owner);
            fill(k, k.entry->add_item(owner, "item"));
        }
    }
}

config full_config()
{
    config c;
    fill(root(), &c);
    return c;
}

TEST(Table, NamesAreUniqueAndExplained)
{
    std::set<std::string_view> names;
    for (const auto& r : table()) {
        EXPECT_TRUE(names.insert(r.name).second) << r.name;
        EXPECT_TRUE(r.text.ends_with('.')) << r.name;
        EXPECT_EQ(r.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.[]<>"), r.name.npos) << r.name;
        if (r.required && (r.what == shape::value || r.what == shape::named)) {
            EXPECT_FALSE(r.example.empty()) << r.name;
        }
    }
}

TEST(Table, AReservedNameHasNoRowInIt)
{
    for (const auto name : reserved_names()) {
        for (const auto& r : table()) {
            const bool inside = r.name.starts_with(name) && (r.name.size() == name.size() || r.name[name.size()] == '.');
            EXPECT_FALSE(inside) << r.name;
        }
    }
}

TEST(Table, EveryRowKeepsToItsRange)
{
    auto c = full_config();
    std::set<std::string_view> seen;
    for_each_value(c, [&](const std::string& path, const row& r, const void* owner) {
        seen.insert(r.name);
        auto* const p = const_cast<void*>(owner);
        for (const auto& text : r.good) {
            if (r.what == shape::values) {
                r.clear(p);
            }
            EXPECT_FALSE(r.add(p, text)) << path << " refuses " << text;
        }
        const auto before = r.get(p);
        for (const auto& text : r.bad) {
            EXPECT_TRUE(r.add(p, text)) << path << " takes " << text;
        }
        EXPECT_EQ(r.get(p), before) << path << ": a refused value changed something";
    });
    for (const auto& r : table()) {
        const bool is_value = r.what == shape::value || r.what == shape::values;
        EXPECT_EQ(seen.contains(r.name), is_value) << r.name;
    }
}

TEST(Table, EveryValueReadsBackWhatItWrites)
{
    auto c = full_config();
    for_each_value(c, [&](const std::string& path, const row& r, const void* owner) {
        auto* const p = const_cast<void*>(owner);
        auto texts = r.good;
        if (r.what == shape::value) {
            texts.push_back(r.get(p).at(0));
        }
        for (const auto& text : texts) {
            if (r.what == shape::values) {
                r.clear(p);
            }
            if (r.add(p, text)) {
                EXPECT_TRUE(r.required || !r.example.empty() || text.empty()) << path << " refuses its own default " << text;
                continue;
            }
            const auto written = r.get(p);
            ASSERT_EQ(written.size(), 1u) << path;
            if (r.what == shape::values) {
                r.clear(p);
            }
            EXPECT_FALSE(r.add(p, written[0])) << path << " refuses what it wrote: " << written[0];
            EXPECT_EQ(r.get(p), written) << path;
        }
    });
}

TEST(Table, EveryRowOfAFileReachesItsMember)
{
    // Sets each scalar row in turn, alone, to a value other than its default, and finds it there again.
    const auto base = load_yaml(reference_text());
    ASSERT_TRUE(base.ok()) << lines(base).front();
    std::set<std::string> texts;
    for (const auto& v : effective_values(base)) {
        texts.insert(v.path);
    }
    EXPECT_GT(texts.size(), 90u);
    auto c = base.value;
    for_each_value(c, [&](const std::string& path, const row& r, const void* owner) {
        if (r.what != shape::value || r.good.empty()) {
            return;
        }
        auto* const p = const_cast<void*>(owner);
        const auto was = r.get(p).at(0);
        for (const auto& text : r.good) {
            ASSERT_FALSE(r.add(p, text));
            if (r.get(p).at(0) == was) {
                continue;
            }
            // Exactly one value of the whole configuration differs.
            std::size_t different = 0;
            for_each_value(c, [&](const std::string& other, const row& o, const void* where) {
                for_each_value(base.value, [&](const std::string& same, const row& so, const void* there) {
                    different += other == same && o.get(where) != so.get(there) ? 1 : 0;
                });
            });
            EXPECT_EQ(different, 1u) << path << " = " << text;
            break;
        }
        ASSERT_FALSE(r.add(p, was)) << path;
    });
}

}  // namespace
}  // namespace tiercel::config
