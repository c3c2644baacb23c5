#include "cache/entries.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tiercel {
namespace {

using test::start;

entry_parts full_parts(std::span<const scope_hash> scopes)
{
    entry_parts p;
    p.key = "the key";
    p.hash = {.hi = 1, .lo = 2};
    p.times = {.received = start, .initial_age = milliseconds{1500}, .fresh_until = start + seconds{10}};
    p.flags = entry_flag::negative | entry_flag::has_etag;
    p.stamp = 9;
    p.status = 404;
    p.scopes = scopes;
    p.head = "HTTP/1.1 404 Not Found\r\n";
    p.etag = "\"v1\"";
    p.last_modified = 0;
    p.small_body = "not here";
    return p;
}

TEST(Entry, KeepsWhatItWasMadeOf)
{
    const std::vector<scope_hash> scopes{11, 12, 13};
    const entry_ptr e = entry::make(full_parts(scopes));
    EXPECT_EQ(e->key(), "the key");
    EXPECT_EQ(e->hash(), (hash128{.hi = 1, .lo = 2}));
    EXPECT_EQ(e->status(), 404);
    EXPECT_EQ(e->stamp(), 9u);
    EXPECT_TRUE(e->is(entry_flag::negative));
    EXPECT_FALSE(e->is(entry_flag::no_cache));
    EXPECT_EQ(std::vector(e->scopes().begin(), e->scopes().end()), scopes);
    EXPECT_EQ(e->head(), "HTTP/1.1 404 Not Found\r\n");
    EXPECT_EQ(e->etag(), "\"v1\"");
    EXPECT_EQ(e->last_modified(), 0);
    EXPECT_EQ(e->date(), std::nullopt);
    EXPECT_EQ(e->small_body(), "not here");
    EXPECT_EQ(e->body_size(), 8u);
    EXPECT_EQ(e->body_at(0), "not here");
    EXPECT_EQ(e->body_at(4), "here");
    EXPECT_TRUE(e->body_at(8).empty());
    EXPECT_TRUE(e->body_at(100).empty());
    EXPECT_EQ(e->content(), nullptr);
}

TEST(Entry, MayBeEmptyInEveryPart)
{
    const entry_ptr e = entry::make({});
    EXPECT_TRUE(e->key().empty());
    EXPECT_TRUE(e->scopes().empty());
    EXPECT_TRUE(e->head().empty());
    EXPECT_TRUE(e->etag().empty());
    EXPECT_EQ(e->body_size(), 0u);
    EXPECT_TRUE(e->body_at(0).empty());
}

TEST(Entry, KeyHeadAndSmallBodyAreNeighbours)
{
    const std::vector<scope_hash> scopes{1};
    const entry_ptr e = entry::make(full_parts(scopes));
    EXPECT_EQ(e->key().data() + e->key().size(), e->head().data());
    EXPECT_EQ(e->head().data() + e->head().size(), e->small_body().data());
}

TEST(Entry, CopiesSmallContentAndSharesLarge)
{
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{10'000}, entry::inline_body_limit}) {
        const body_ptr content = body::make();
        content->append(std::string(size, 'c'));
        entry_parts p;
        p.content = content;
        const entry_ptr e = entry::make(p);
        EXPECT_EQ(e->content(), nullptr);
        EXPECT_EQ(e->small_body(), std::string(size, 'c'));
    }
    const body_ptr content = body::make();
    content->append(std::string(entry::inline_body_limit + 1, 'c'));
    entry_parts p;
    p.content = content;
    const entry_ptr e = entry::make(p);
    EXPECT_EQ(e->content(), content);
    EXPECT_EQ(e->body_size(), entry::inline_body_limit + 1);
    EXPECT_EQ(e->body_at(0).data(), content->at(0).data());
    EXPECT_TRUE(e->small_body().empty());
}

TEST(Entry, PutsLongPlainBodiesIntoChunks)
{
    const std::string text(100'000, 'x');
    entry_parts p;
    p.small_body = text;
    const entry_ptr e = entry::make(p);
    ASSERT_NE(e->content(), nullptr);
    EXPECT_EQ(e->body_size(), text.size());
    EXPECT_EQ(e->body_at(99'999), "x");
}

TEST(Entry, FootprintCountsEveryAllocation)
{
    const entry_ptr small = test::make_entry("/a", {.body = 1000});
    EXPECT_GE(small->footprint(), sizeof(entry) + 1000 + 40);
    EXPECT_LE(small->footprint(), sizeof(entry) + 1000 + 200);
    const body_ptr content = body::make();
    content->append(std::string(1'000'000, 'c'));
    entry_parts p;
    p.content = content;
    EXPECT_GE(entry::make(p)->footprint(), content->footprint() + sizeof(entry));
}

TEST(Entry, AgeIsInitialAgePlusResidenceAndNeverNegative)
{
    const entry_ptr e = entry::make(full_parts({}));
    EXPECT_EQ(e->age(start), milliseconds{1500});
    EXPECT_EQ(e->age(start + seconds{2}), milliseconds{3500});
    EXPECT_EQ(e->age(start - seconds{2}), milliseconds{0});
}

TEST(Entry, IsUselessWhenTheLastWindowEnds)
{
    entry_times t{.fresh_until = start};
    EXPECT_EQ(t.useless_from(), start);
    t.sie_until = start + seconds{3};
    EXPECT_EQ(t.useless_from(), start + seconds{3});
    t.unreachable_until = start + seconds{9};
    t.swr_until = start + seconds{5};
    EXPECT_EQ(t.useless_from(), start + seconds{9});
}

}  // namespace
}  // namespace tiercel
