#include "scenario.hpp"

#include "support/temp_dir.hpp"

#include <algorithm>
#include <thread>

namespace tiercel::test {
namespace {

const std::string handshake = "GET /socket HTTP/1.1\r\nHost: shop.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const std::string agreed = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

// Connections that switch to another protocol (RFC 9110 §7.8): a tunnel, and never anything else.
class Switch : public ::testing::Test {
protected:
    void start()
    {
        s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]").set("server.threads", "1");
        s.start();
        c.emplace(s.client());
    }
    // What the origin gets of a client that sends this.
    http_request ask(const std::string& request)
    {
        c->send(request);
        link = by_hand.accept();
        return read_request_head(link, after(default_timeout));
    }
    // Both have switched.
    void open()
    {
        ask(handshake);
        link.send(agreed);
        head = read_through(*c, "\r\n\r\n");
    }

    scenario s;
    manual_origin by_hand;
    byte_stream link;
    std::optional<raw_client> c;
    std::string head;
};

TEST_F(Switch, IsAskedOfTheOriginAndToldToTheClient)
{
    start();
    const http_request asked = ask(handshake);
    EXPECT_EQ(asked.headers("Connection"), std::vector<std::string>({"Upgrade"}));
    EXPECT_EQ(asked.headers("Upgrade"), std::vector<std::string>({"websocket"}));
    EXPECT_EQ(asked.header("Sec-WebSocket-Key"), "dGhlIHNhbXBsZSBub25jZQ==");
    link.send(agreed);
    head = read_through(*c, "\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << head;
    for (const char* line : {"\r\nConnection: Upgrade\r\n", "\r\nUpgrade: websocket\r\n", "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
                             "\r\nCache-Status: tiercel; fwd=bypass; fwd-status=101; detail=upgrade\r\n"}) {
        EXPECT_NE(head.find(line), std::string::npos) << line << head;
    }
}

TEST_F(Switch, PassesBytesBothWays)
{
    start();
    open();
    for (const std::string& bytes : {std::string("ping"), std::string("\0\r\n\r\n\xff GET / HTTP/1.1\r\n\r\n", 25), std::string(100'000, 'x')}) {
        c->send(bytes);
        EXPECT_EQ(link.read_exactly(bytes.size()), bytes);
        link.send(bytes);
        EXPECT_EQ(c->read_exactly(bytes.size()), bytes);
    }
}

TEST_F(Switch, PassesWhatCameRightBehindTheHeads)
{
    start();
    ask(handshake + "early");
    EXPECT_THROW(link.read_some(after(30ms)), timed_out);   // not before the origin agrees
    link.send(agreed + "at once");
    EXPECT_TRUE(read_through(*c, "at once").ends_with("\r\n\r\nat once"));
    EXPECT_EQ(link.read_exactly(5), "early");
}

TEST_F(Switch, PassesMuchBothWaysAtOnce)
{
    start();
    open();
    const std::string up(20'000'000, 'u');
    const std::string down(20'000'000, 'd');
    std::thread client_writes([&] { c->send(up); });
    std::thread origin_writes([&] { link.send(down); });
    std::string got_up;
    std::thread origin_reads([&] { got_up = link.read_exactly(up.size()); });
    EXPECT_TRUE(c->read_exactly(down.size()) == down);
    client_writes.join();
    origin_writes.join();
    origin_reads.join();
    EXPECT_TRUE(got_up == up);
}

TEST_F(Switch, IsReadOnlyAsFastAsTheOtherSideTakesIt)
{
    start();
    open();
    const std::string piece(1'000'000, 'x');
    EXPECT_THROW({ for (int i = 0; i < 200; ++i) { link.send(piece, after(300ms)); } }, timed_out);
    c->set_timeout(300ms);
    EXPECT_THROW({ for (int i = 0; i < 200; ++i) { c->send(piece); } }, timed_out);
}

TEST_F(Switch, OneDirectionMayEndBeforeTheOther)
{
    start();
    open();
    c->send("last words");
    c->shutdown_send();
    EXPECT_EQ(link.read_to_end(), "last words");
    link.send("and the answer");
    EXPECT_EQ(c->read_exactly(14), "and the answer");
    link.close();
    EXPECT_TRUE(c->is_closed_by_peer());

    c->connect();
    open();
    link.send("last words");
    link.shutdown_send();
    EXPECT_EQ(c->read_to_end(), "last words");
    c->send("and the answer");
    EXPECT_EQ(link.read_exactly(14), "and the answer");
    c->close();
    EXPECT_TRUE(link.is_closed_by_peer());
}

TEST_F(Switch, WhatBreaksOnOneSideBreaksOnTheOther)
{
    start();
    open();
    c->reset();
    EXPECT_THROW(link.read_some(), peer_closed);   // a reset, not an end

    c->connect();
    open();
    link.reset();
    EXPECT_THROW(c->read_some(), peer_closed);
}

TEST_F(Switch, SilenceEndsIt)
{
    s.set("server.timeouts.tunnel", "50ms");
    start();
    open();
    EXPECT_TRUE(c->is_closed_by_peer());
    EXPECT_TRUE(link.is_closed_by_peer());
}

TEST_F(Switch, NoOtherTimeoutEndsIt)
{
    s.configure("server: { timeouts: { header: 20ms, body_idle: 20ms, write_idle: 20ms, keep_alive: 20ms } }");
    s.configure("origins: { shop: { try_timeout: 20ms } }");
    s.set("routes.0.deadline", "50ms");
    start();
    open();
    EXPECT_TRUE(c->is_silent_for(120ms));
    c->send("ping");
    EXPECT_EQ(link.read_exactly(4), "ping");
}

TEST_F(Switch, CountsAsAnActiveConnectionAndAsOneRequestWhenItIsOver)
{
    const temp_dir directory;
    const auto file = directory.path() / "access.log";
    s.configure("log: { access: { file: '" + file.string() + "', format: json } }");
    start();
    open();
    s.expect_gauge(1, "connections", {{"state", "active"}});
    EXPECT_EQ(s.metric("requests_total"), 0);
    link.send("12345");
    EXPECT_EQ(c->read_exactly(5), "12345");
    c->close();
    EXPECT_TRUE(link.is_closed_by_peer());
    link.close();
    s.expect_metric(1, "requests_total", {{"outcome", "pass"}});
    EXPECT_TRUE(s.begin_drain().get());
    const std::string log = read_file(file);
    EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
    for (const std::string& field : {std::string("\"status\":101"), std::string("\"detail\":\"upgrade\""), "\"bytes\":" + std::to_string(head.size() + 5)}) {
        EXPECT_NE(log.find(field), std::string::npos) << field << "\n" << log;
    }
}

TEST_F(Switch, TheDrainEndsItAtItsDeadline)
{
    s.set("server.timeouts.drain", "100ms");
    start();
    open();
    auto drained = s.begin_drain();
    c->send("ping");
    EXPECT_EQ(link.read_exactly(4), "ping");   // until then it goes on
    EXPECT_EQ(c->read_to_end(), "");
    EXPECT_EQ(link.read_to_end(), "");
    EXPECT_FALSE(drained.get());
}

// ---- no switch ----

TEST_F(Switch, MayBeDeclinedByTheOrigin)
{
    start();
    for (const int status : {200, 400, 426}) {
        c->connect();
        ask(handshake + "GET /next HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "no", status));
        answer(c->read_response()).expect_status(status).expect_body("no").expect_cache("fwd=bypass; detail=upgrade");
        EXPECT_EQ(by_hand.read(link).target, "/next");   // what followed was a request after all
        link.send(plain_answer({{"Cache-Control", "no-store"}, {"Connection", "close"}}, "next"));
        EXPECT_EQ(c->read_response().body, "next");
    }
}

TEST_F(Switch, ThatNobodyAskedForIsTheOriginsFault)
{
    start();
    for (const std::string request : {"GET /a HTTP/1.1\r\nHost: shop.test\r\n\r\n", "DELETE /a HTTP/1.1\r\nHost: shop.test\r\n\r\n",
                                      "GET /a HTTP/1.1\r\nHost: shop.test\r\nUpgrade: websocket\r\n\r\n"}) {
        ask(request);
        link.send(agreed + "raw");
        answer(c->read_response()).expect_problem(502, "origin_invalid");
        EXPECT_EQ(link.read_to_end(), "");
        s.advance(2s);   // the failure is forgotten
    }
    ask(handshake);
    link.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\nraw");
    answer(c->read_response()).expect_problem(502, "origin_invalid");
    EXPECT_EQ(link.read_to_end(), "");
    s.expect_metric(4, "origin_invalid_total", {{"reason", "upgrade"}});
}

TEST_F(Switch, ToHttp2IsNeverAskedFor)
{
    start();
    const std::string request = "GET /a HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    const http_request asked = ask(request);
    for (const char* gone : {"Connection", "Upgrade", "HTTP2-Settings"}) {
        EXPECT_FALSE(asked.has(gone)) << gone;
    }
    link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "v1"));
    answer(c->read_response()).expect_body("v1").expect_cache("fwd=uri-miss; stored");
    c->send(request);
    answer(c->read_response()).expect_body("v1").expect_cache("hit; detail=l1");
}

TEST_F(Switch, IsOnlyForRoutesThatAllowIt)
{
    s.set("routes.0.upgrade", "[ chat ]");
    start();
    EXPECT_FALSE(ask(handshake).has("Upgrade"));
    link.send(plain_answer({{"Cache-Control", "max-age=60"}}, "v1"));
    answer(c->read_response()).expect_body("v1").expect_cache("fwd=uri-miss; stored");
    c->send("GET /chat HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: websocket, chat/2\r\n\r\n");
    EXPECT_EQ(by_hand.read(link).header("Upgrade"), "chat/2");
}

TEST_F(Switch, IsUnknownToOldClients)
{
    start();
    EXPECT_FALSE(ask("GET /a HTTP/1.0\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").has("Upgrade"));
}

TEST_F(Switch, NeedsARequestWithoutContent)
{
    start();
    EXPECT_FALSE(ask("POST /a HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 4\r\n\r\nbody").has("Upgrade"));
    c->connect();
    EXPECT_TRUE(ask("POST /a HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n").has("Upgrade"));
    link.send("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello");
    read_through(*c, "hello");
}

}  // namespace
}  // namespace tiercel::test
