#include "l2_fixture.hpp"

namespace tiercel::test {
namespace {

// What an unsafe request that succeeded does beyond its own URL: what its answer refers to, groups, tags, and what it brings with it.

class Writes : public ::testing::Test {
protected:
    // Pages that are stored, each saying its own path.
    void pages(const std::vector<std::string>& targets)
    {
        for (const std::string& target : targets) {
            s.origin().page(target).cache_control("max-age=600").body(target);
        }
    }
    // A page whose writes are answered with these fields.
    origin_page& writable(const std::string& target, header_list fields, int status = 200)
    {
        auto& page = s.origin().page(target);
        page.answer([=](const http_request& r) {
            return r.method == "GET" ? plain_answer({{"Cache-Control", "max-age=600"}}, target) : plain_answer(fields, "written", status);
        });
        return page;
    }
    bool is_stored(const std::string& target, const header_list& fields = {}) const
    {
        return cache_status_of(s.get(target, fields)).hit;
    }

    scenario s;
};

TEST_F(Writes, LocationAndContentLocationOfTheSameOriginBecomeInvalid)
{
    for (const std::string field : {"Location", "Content-Location"}) {
        for (const std::string reference : {"/items/5", "http://shop.test/items/5", "//shop.test:80/items/5", "5", "./x/../5",
                                            "HTTP://SHOP.test/items/%35#new"}) {
            SCOPED_TRACE(field + ": " + reference);
            scenario one;
            one.origin().page("/items/").answer([=](const http_request&) { return plain_answer({{field, reference}}, "written", 201); });
            one.origin().page("/items/5").cache_control("max-age=600").body("v1");
            one.start();
            one.get("/items/5");
            one.post("/items/", "new").expect_status(201);
            one.get("/items/5").expect_cache("fwd=uri-miss; stored");
        }
    }
}

TEST_F(Writes, WhatIsOfAnotherOriginStays)
{
    for (const std::string reference : {"http://other.test/a", "https://shop.test/a", "http://shop.test:8080/a", "//other.test/a",
                                        "ftp://shop.test/a", "http://user@shop.test/a", "http:/a", "/a b", "/%zz"}) {
        SCOPED_TRACE(reference);
        scenario one;
        one.origin().page("/").answer([=](const http_request&) { return plain_answer({{"Location", reference}}, "written", 201); });
        one.origin().page("/a").cache_control("max-age=600").body("v1");
        one.start();
        one.get("/a");
        one.get("/a", {{"Host", "other.test"}});
        one.post("/", "new").expect_status(201);
        one.get("/a").expect_cache("hit; detail=l1");
        one.get("/a", {{"Host", "other.test"}}).expect_cache("hit; detail=l1");
    }
}

TEST_F(Writes, WhatAFailureRefersToStays)
{
    writable("/", {{"Location", "/a"}, {"Cache-Group-Invalidation", "\"g\""}}, 409);
    s.origin().page("/a").cache_control("max-age=600").header("Cache-Groups", "\"g\"").body("v1");
    s.start();
    s.get("/a");
    s.post("/", "new").expect_status(409);
    EXPECT_TRUE(is_stored("/a"));
}

TEST_F(Writes, AUrlIsKeyedAsItsReadersRouteKeysIt)
{
    s.configure(R"({ routes: [ { name: reads, match: { path: /, methods: [GET] }, origin: shop, key: { drop: [utm] } },
                               { name: writes, match: { path: / }, origin: shop, mode: pass } ] })");
    s.origin().page("/a?id=1").cache_control("max-age=600").body("v1");
    s.origin().page("/a?id=1&utm=x").body("written");
    s.start();
    s.get("/a?id=1&utm=y");
    s.post("/a?utm=x&id=1", "new").expect_status(200);
    s.get("/a?id=1").expect_cache("fwd=uri-miss; stored");
}

TEST_F(Writes, AllThatARouteKeysApartBecomesInvalid)
{
    s.set("routes.0.key.headers", "[X-Region]").set("routes.0.key.cookies", "[lang]");
    s.origin().page("/a").cache_control("max-age=600").body("v1");
    s.start();
    const std::vector<header_list> readers = {{{"X-Region", "eu"}}, {{"X-Region", "us"}}, {{"Cookie", "lang=de"}}};
    for (const auto& fields : readers) {
        s.get("/a", fields);
        EXPECT_TRUE(is_stored("/a", fields));
    }
    s.post("/a", "new", {{"X-Region", "asia"}});
    for (const auto& fields : readers) {
        EXPECT_FALSE(is_stored("/a", fields));
    }
}

class WritesL2 : public l2_fixture {};

TEST_F(WritesL2, WhatTheyReferToIsGoneThereToo)
{
    auto& page = s.origin().page("/items/5");
    int version = 1;
    page.answer([&](const http_request&) {
        return plain_answer({{"Cache-Control", "max-age=600"}, {"Vary", "X-Kind"}}, "v" + std::to_string(version));
    });
    s.origin().page("/items/").status(201).header("Location", "5");
    start();
    s.get("/items/5").expect_body("v1");
    wait_for_entries(2);
    version = 2;
    s.post("/items/", "new").expect_status(201);
    restart();
    s.get("/items/5").expect_body("v2");
}

// ---- groups (RFC 9875) and tags ----

TEST_F(Writes, AGroupOfTheOriginBecomesInvalid)
{
    writable("/w", {{"Cache-Group-Invalidation", "\"a\", \"other\";x=1"}});
    const auto in_groups = [&](const std::string& target, const std::string& groups) {
        s.origin().page(target).cache_control("max-age=600").header("Cache-Groups", groups).body(target);
    };
    in_groups("/a", "\"a\"");
    in_groups("/ab", "\"b\";p, \"a\";q");
    in_groups("/b", "\"b\"");
    in_groups("/A", "\"A\"");
    in_groups("/bad", "\"a\", a");
    const std::vector<std::string> all = {"/a", "/ab", "/b", "/A", "/bad"};
    s.start();
    for (const std::string& target : all) {
        s.get(target);
        s.get(target, {{"Host", "other.test"}});
    }
    s.post("/w", "new").expect_header("Cache-Group-Invalidation", "\"a\", \"other\";x=1");
    for (const std::string target : {"/a", "/ab"}) {
        EXPECT_FALSE(is_stored(target)) << target;
    }
    for (const std::string target : {"/b", "/A", "/bad"}) {
        EXPECT_TRUE(is_stored(target)) << target;
    }
    for (const std::string& target : all) {
        EXPECT_TRUE(is_stored(target, {{"Host", "other.test"}})) << target;
    }
}

TEST_F(Writes, GroupsOfOtherTenantsStay)
{
    s.configure("{ tenancy: { resolvers: [ { kind: header, name: X-Tenant-ID } ] }, server: { trusted_proxies: [ 127.0.0.0/8 ] } }");
    writable("/w", {{"Cache-Group-Invalidation", "\"a\""}});
    s.origin().page("/a").cache_control("max-age=600").header("Cache-Groups", "\"a\"").body("v1");
    s.start();
    for (const std::string tenant : {"one", "two"}) {
        s.get("/a", {{"X-Tenant-ID", tenant}});
    }
    s.post("/w", "new", {{"X-Tenant-ID", "one"}});
    EXPECT_FALSE(is_stored("/a", {{"X-Tenant-ID", "one"}}));
    EXPECT_TRUE(is_stored("/a", {{"X-Tenant-ID", "two"}}));
}

TEST_F(Writes, SafeMethodsInvalidateNoGroup)
{
    s.origin().page("/safe").header("Cache-Group-Invalidation", "\"a\"").cache_control("no-store").body("x");
    s.origin().page("/a").cache_control("max-age=600").header("Cache-Groups", "\"a\"").body("v1");
    s.start();
    s.get("/a");
    for (const std::string method : {"GET", "HEAD", "OPTIONS"}) {
        s.request(method, "/safe").expect_status(200);
        EXPECT_TRUE(is_stored("/a")) << method;
    }
}

TEST_F(Writes, GroupsDoNotCascade)
{
    writable("/w", {{"Cache-Group-Invalidation", "\"a\""}});
    s.origin().page("/ab").cache_control("max-age=600").header("Cache-Groups", "\"a\", \"b\"").body("v1");
    s.origin().page("/b").cache_control("max-age=600").header("Cache-Groups", "\"b\"").body("v1");
    s.start();
    s.get("/ab");
    s.get("/b");
    s.post("/w", "new");
    EXPECT_FALSE(is_stored("/ab"));
    EXPECT_TRUE(is_stored("/b"));
}

TEST_F(Writes, OneVariantOfAGroupLeavesTheOthers)
{
    writable("/w", {{"Cache-Group-Invalidation", "\"red\""}});
    s.origin().page("/a").answer([](const http_request& r) {
        const std::string kind = r.header("X-Kind").value_or("none");
        return plain_answer({{"Cache-Control", "max-age=600"}, {"Vary", "X-Kind"}, {"Cache-Groups", "\"" + kind + "\""}}, kind);
    });
    s.start();
    for (const std::string kind : {"red", "blue"}) {
        s.get("/a", {{"X-Kind", kind}});
    }
    s.post("/w", "new");
    EXPECT_FALSE(is_stored("/a", {{"X-Kind", "red"}}));
    EXPECT_TRUE(is_stored("/a", {{"X-Kind", "blue"}}));
}

TEST_F(Writes, A304MayPutAnAnswerIntoAnotherGroup)
{
    writable("/early", {{"Cache-Group-Invalidation", "\"early\""}});
    writable("/w", {{"Cache-Group-Invalidation", "\"late\""}});
    auto& page = s.origin().page("/a").cache_control("max-age=10").etag("\"1\"").header("Cache-Groups", "\"early\"").body("v1");
    s.start();
    s.get("/a");
    s.advance(11s);
    page.raw("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nCache-Control: max-age=600\r\nCache-Groups: \"late\"\r\n\r\n");
    s.get("/a").expect_body("v1").expect_header("Cache-Groups", "\"late\"");
    s.post("/early", "new");
    EXPECT_TRUE(is_stored("/a"));
    s.post("/w", "new");
    EXPECT_FALSE(is_stored("/a"));
}

TEST_F(Writes, WhoComesAfterAWriteSharesOneFetchWhateverIsUnderWay)
{
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("page").hold();
    s.origin().page("/w").header("Location", "/a");
    s.start();
    std::vector<pending> all;
    const auto come = [&](int n) {
        for (int i = 0; i < n; ++i) { all.push_back(s.begin_get("/a")); }
    };
    come(1);
    ASSERT_TRUE(page.wait_for_requests(1));
    s.post("/w", "new").expect_status(200);
    come(5);
    ASSERT_TRUE(page.wait_for_requests(2)) << "nobody waits for what he may not have";
    s.wait_for_waiters(4);
    s.post("/w", "new").expect_status(200);
    come(5);
    s.wait_for_waiters(9);
    EXPECT_EQ(page.requests(), 2) << "but a key that is written all the time is not fetched all the time";
    page.release();
    for (pending& one : all) { one.get().expect_body("page"); }
    EXPECT_EQ(page.requests(), 3);
    s.get("/a").expect_cache("hit; detail=l1");
}

TEST_F(Writes, AFetchThatBeganBeforeAGroupWasInvalidatedIsNotStored)
{
    manual_origin by_hand;
    s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
    s.start();
    auto early = s.begin_get("/a");
    byte_stream old_link = by_hand.accept();
    by_hand.read(old_link);
    auto write = std::async(std::launch::async, [&] { return s.post("/w", "new").status; });
    byte_stream write_link = by_hand.accept();
    by_hand.read(write_link);
    write_link.send(plain_answer({{"Cache-Group-Invalidation", "\"g\""}, {"Connection", "close"}}, "written"));
    EXPECT_EQ(write.get(), 200);
    auto late = s.begin_get("/a");
    s.wait_for_waiters(1);
    old_link.send(plain_answer({{"Cache-Control", "max-age=600"}, {"Cache-Groups", "\"g\""}, {"Connection", "close"}}, "old"));
    early.get().expect_body("old").expect_cache("fwd=uri-miss; detail=fence");
    // Who came after the write does not get what was fetched before it, now that its group is known.
    byte_stream new_link = by_hand.accept();
    by_hand.read(new_link);
    new_link.send(plain_answer({{"Cache-Control", "max-age=600"}, {"Cache-Groups", "\"g\""}, {"Connection", "close"}}, "new"));
    late.get().expect_body("new");
    s.wait_until_quiet();
    s.get("/a").expect_body("new").expect_cache("hit; detail=l1");
}

TEST_F(Writes, TagsAreNotSentToClientsUnlessTheRouteSaysSo)
{
    for (const bool strip : {true, false}) {
        SCOPED_TRACE(strip);
        scenario one;
        if (!strip) { one.set("routes.0.strip_tags", "false"); }
        for (const std::string target : {"/stored", "/passed"}) {
            one.origin().page(target).cache_control(target == "/stored" ? "max-age=600" : "no-store").header("Surrogate-Key", "a b")
                .header("Cache-Tag", "c").header("Cache-Groups", "\"d\"").body("x");
        }
        one.start();
        for (const std::string target : {"/stored", "/stored", "/passed", "/passed"}) {
            const answer got = one.get(target);
            for (const std::string name : {"Surrogate-Key", "Cache-Tag"}) {
                EXPECT_EQ(got.has(name), !strip) << target << " " << name;
            }
            got.expect_header("Cache-Groups", "\"d\"");   // clients that cache read it, too
        }
    }
}

TEST_F(Writes, AnAnswerWithMoreTagsThanCanBeKeptIsNotStored)
{
    std::string tags;
    for (int i = 0; i < 65; ++i) {
        tags += " t" + std::to_string(i);
    }
    s.origin().page("/a").cache_control("max-age=600").header("Surrogate-Key", tags).body("v1");
    s.origin().page("/b").cache_control("max-age=600").header("Surrogate-Key", tags.substr(4)).body("v1");
    s.start();
    s.get("/a").expect_body("v1").expect_cache("fwd=uri-miss; detail=tags");
    s.get("/b").expect_cache("fwd=uri-miss; stored");
}

// ---- on_write: refresh ----

TEST_F(Writes, ARefreshingRouteFetchesTheTargetAnew)
{
    s.set("routes.0.on_write", "refresh");
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    s.start();
    s.get("/a");
    page.body("v2");
    s.post("/a", "new", {{"Content-Type", "text/plain"}, {"Authorization", "Bearer x"}, {"Cookie", "id=1"}, {"If-Match", "\"1\""}});
    ASSERT_TRUE(page.wait_for_requests(3));
    s.wait_until_quiet();
    s.get("/a").expect_body("v2").expect_cache("hit; detail=l1");
    const http_request fetch = page.received()[2];
    EXPECT_EQ(fetch.method, "GET");
    EXPECT_TRUE(fetch.body.empty());
    for (const std::string name : {"Content-Type", "Content-Length", "Authorization", "Cookie", "If-Match"}) {
        EXPECT_FALSE(fetch.has(name)) << name;
    }
}

TEST_F(Writes, ARefreshAsksForTheVariantOfTheWriter)
{
    s.set("routes.0.on_write", "refresh");
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        if (r.method != "GET") { return plain_answer({}, "written"); }
        return plain_answer({{"Cache-Control", "max-age=600"}, {"Vary", "X-Kind"}}, r.header("X-Kind").value_or("none"));
    });
    s.start();
    s.get("/a", {{"X-Kind", "red"}});
    s.post("/a", "new", {{"X-Kind", "blue"}, {"X-Other", "1"}});
    ASSERT_TRUE(page.wait_for_requests(3));
    s.wait_until_quiet();
    EXPECT_TRUE(is_stored("/a", {{"X-Kind", "blue"}}));
    EXPECT_FALSE(page.received()[2].has("X-Other"));
}

TEST_F(Writes, ARefreshTakesAlongTheCookiesOfTheKeyAndNoOthers)
{
    s.set("routes.0.on_write", "refresh").set("routes.0.key.cookies", "[ lang, theme ]");
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=600"}}, r.method + " " + r.header("Cookie").value_or("none"));
    });
    s.start();
    s.get("/a", {{"Cookie", "lang=de"}});
    s.post("/a", "new", {{"Cookie", "session=secret; lang=de; other=1"}});
    ASSERT_TRUE(page.wait_for_requests(3));
    s.wait_until_quiet();
    s.get("/a", {{"Cookie", "session=another; lang=de"}}).expect_body("GET lang=de").expect_cache("hit; detail=l1");
}

TEST_F(Writes, NothingIsFetchedAnewWhenItIsDoubtfulWhatTheCookiesOfTheWriterSay)
{
    s.set("routes.0.on_write", "refresh").set("routes.0.key.cookies", "[ lang ]");
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    s.start();
    const header_list doubtful{{"Cookie", "session=secret; lang=de"}, {"Cookie", "lang=en"}};
    s.get("/a", doubtful);
    ASSERT_TRUE(is_stored("/a", doubtful));
    s.post("/a", "new", doubtful);
    s.wait_until_quiet();
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(Writes, NothingIsFetchedAnewThatIsSelectedByWhatOnlyTheWriterMaySend)
{
    s.set("routes.0.on_write", "refresh").set("routes.0.key.headers", "[ Authorization ]").set("routes.0.key.vary.allow", "[ Cookie ]");
    auto& keyed = s.origin().page("/keyed").cache_control("public, max-age=600").body("v1");
    auto& varied = s.origin().page("/varied").cache_control("max-age=600").header("Vary", "Cookie").body("v1");
    s.start();
    const header_list credentials{{"Authorization", "Bearer x"}};
    s.get("/keyed", credentials).expect_status(200);
    ASSERT_TRUE(is_stored("/keyed", credentials));
    s.post("/keyed", "new", credentials);
    const header_list cookie{{"Cookie", "session=secret"}};
    s.get("/varied", cookie);
    ASSERT_TRUE(is_stored("/varied", cookie));
    s.post("/varied", "new", cookie);
    s.wait_until_quiet();
    EXPECT_EQ(keyed.requests(), 2);
    EXPECT_EQ(varied.requests(), 2);
    EXPECT_FALSE(is_stored("/keyed", credentials)) << "an answer to nobody in particular must not lie under the writer's key";
    EXPECT_FALSE(is_stored("/varied", cookie));
    s.get("/varied");                        // who sends no cookies has an answer of its own
    s.post("/varied", "new");
    EXPECT_TRUE(varied.wait_for_requests(6)) << "and that one is fetched anew";
}

TEST_F(Writes, NothingIsFetchedThatNobodyHasRead)
{
    s.set("routes.0.on_write", "refresh");
    auto& page = s.origin().page("/a").cache_control("max-age=600").body("v1");
    s.start();
    s.post("/a", "new");
    s.wait_until_quiet();
    EXPECT_EQ(page.requests(), 1);
}

// ---- answers to POST (RFC 9110 §9.3.3) ----

TEST_F(Writes, AnAnswerToAPostThatIsTheStateOfItsTargetAnswersLaterGets)
{
    for (const std::string reference : {"/a?x=1", "http://shop.test/a?x=1", "?x=1", "a?x=1"}) {
        SCOPED_TRACE(reference);
        scenario one;
        auto& page = one.origin().page("/a?x=1");
        page.answer([=](const http_request& r) {
            return r.method == "GET" ? plain_answer({{"Cache-Control", "max-age=600"}}, "by get")
                                     : plain_answer({{"Cache-Control", "max-age=60"}, {"Content-Location", reference}, {"ETag", "\"p\""}}, "by post");
        });
        one.start();
        one.get("/a?x=1").expect_body("by get");
        one.post("/a?x=1", "new").expect_body("by post").expect_cache("fwd=method; stored");
        one.get("/a?x=1").expect_body("by post").expect_cache("hit; detail=l1").expect_header("ETag", "\"p\"");
        one.head("/a?x=1").expect_cache("hit; detail=l1").expect_header("Content-Length", "7");
        one.post("/a?x=1", "new").expect_body("by post").expect_cache("fwd=method; stored");   // never answers a POST
        EXPECT_EQ(page.requests(), 3);
    }
}

TEST_F(Writes, OtherAnswersToPostAreNotStored)
{
    struct example {
        std::string what;
        header_list fields;
        int status = 200;
    };
    const std::string own = "/a";
    for (const example& e : std::vector<example>{
             {"no Content-Location", {{"Cache-Control", "max-age=60"}}},
             {"another one", {{"Cache-Control", "max-age=60"}, {"Content-Location", "/b"}}},
             {"of another host", {{"Cache-Control", "max-age=60"}, {"Content-Location", "http://other.test/a"}}},
             {"two of them", {{"Cache-Control", "max-age=60"}, {"Content-Location", own}, {"Content-Location", own}}},
             {"no lifetime", {{"Content-Location", own}, {"ETag", "\"1\""}, {"Last-Modified", s.date(86400s)}}},
             {"private", {{"Cache-Control", "private, max-age=60"}, {"Content-Location", own}}},
             {"not a success", {{"Cache-Control", "max-age=60"}, {"Content-Location", own}}, 404},
             {"a redirect", {{"Cache-Control", "max-age=60"}, {"Content-Location", own}}, 303}}) {
        SCOPED_TRACE(e.what);
        scenario one;
        auto& page = one.origin().page("/a");
        page.answer([=](const http_request& r) {
            return r.method == "GET" ? plain_answer({{"Cache-Control", "max-age=600"}}, "by get") : plain_answer(e.fields, "by post", e.status);
        });
        one.start();
        one.post("/a", "new").expect_cache("fwd=method; detail=method");
        one.get("/a").expect_body("by get").expect_cache("fwd=uri-miss; stored");
    }
}

TEST_F(Writes, AnswersToOtherUnsafeMethodsAreNotStored)
{
    for (const std::string method : {"PUT", "PATCH", "DELETE", "M-SEARCH"}) {
        SCOPED_TRACE(method);
        scenario one;
        one.origin().page("/a").cache_control("max-age=60").header("Content-Location", "/a").body("x");
        one.start();
        one.request(method, "/a", {}, "new").expect_status(200);
        one.get("/a").expect_cache("fwd=uri-miss; stored");
    }
}

TEST_F(Writes, AnAnswerToAPostVariesByTheFieldsOfThePost)
{
    auto& page = s.origin().page("/a");
    page.answer([](const http_request& r) {
        return plain_answer({{"Cache-Control", "max-age=60"}, {"Content-Location", "/a"}, {"Vary", "X-Kind"}},
                            r.method + " " + r.header("X-Kind").value_or("none"));
    });
    s.start();
    s.post("/a", "new", {{"X-Kind", "red"}}).expect_body("POST red");
    s.get("/a", {{"X-Kind", "red"}}).expect_body("POST red").expect_cache("hit; detail=l1");
    s.get("/a", {{"X-Kind", "blue"}}).expect_body("GET blue").expect_cache("fwd=vary-miss; stored");
}

// ---- HEAD (RFC 9111 §4.3.5) ----

class Heads : public ::testing::Test {
protected:
    // A page that is stale when it is asked by HEAD, which is answered with these fields.
    answer head_with(header_list fields, int status = 200)
    {
        page.answer([=](const http_request& r) {
            if (r.method == "HEAD") {
                std::string out = "HTTP/1.1 " + std::to_string(status) + " As You Like\r\n";
                for (const auto& [name, value] : fields) { out += name + ": " + value + "\r\n"; }
                return out + "\r\n";
            }
            return plain_answer({{"Cache-Control", "max-age=10"}, {"ETag", "\"1\""}, {"Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"},
                                 {"X-State", "old"}}, "v1");
        });
        s.start();
        s.get("/a");
        s.advance(11s);
        return s.head("/a");
    }

    scenario s;
    origin_page& page = s.origin().page("/a");
};

TEST_F(Heads, OneThatAgreesUpdatesWhatIsStored)
{
    head_with({{"Cache-Control", "max-age=60"}, {"ETag", "\"1\""}, {"Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"},
               {"Content-Length", "2"}, {"X-State", "new"}})
        .expect_status(200);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1").expect_header("X-State", "new").expect_header("Content-Length", "2");
    s.advance(59s);
    s.get("/a").expect_cache("hit; detail=l1");
    EXPECT_EQ(page.requests(), 2);
}

TEST_F(Heads, OneThatSaysLittleAgrees)
{
    head_with({{"Cache-Control", "max-age=60"}}).expect_status(200);
    s.get("/a").expect_body("v1").expect_cache("hit; detail=l1").expect_header("ETag", "\"1\"");
}

TEST(HeadsThat, DisagreeMakeWhatIsStoredStale)
{
    for (const header_list& other : std::vector<header_list>{{{"ETag", "\"2\""}}, {{"Content-Length", "3"}},
                                                              {{"Last-Modified", "Tue, 02 Jan 2024 00:00:00 GMT"}}}) {
        SCOPED_TRACE(other.front().first);
        scenario s;
        s.set("routes.0.request_directives", "honour");   // so that a HEAD is forwarded although the answer is fresh
        auto& page = s.origin().page("/a");
        page.answer([&](const http_request& r) {
            if (r.method == "HEAD") {
                return "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n" + other.front().first + ": " + other.front().second + "\r\n\r\n";
            }
            return plain_answer({{"Cache-Control", "max-age=600, stale-while-revalidate=600"}, {"ETag", "\"1\""},
                                 {"Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"}}, "v1");
        });
        s.start();
        s.get("/a");
        s.get("/a").expect_cache("hit; detail=l1");
        s.head("/a", {{"Cache-Control", "no-cache"}}).expect_status(200).expect_cache("fwd=request; detail=method");
        s.get("/a").expect_body("v1").expect_cache("fwd=stale; stored");
        EXPECT_EQ(page.requests(), 3);
    }
}

TEST_F(Heads, AnotherStatusUpdatesNothing)
{
    head_with({{"Cache-Control", "max-age=60"}, {"ETag", "\"1\""}}, 410).expect_status(410);
    s.get("/a").expect_status(200).expect_cache("fwd=stale; stored").expect_header("X-State", "old");
}

}  // namespace
}  // namespace tiercel::test
