#include "scenario.hpp"

#include <list>
#include <thread>

namespace tiercel::test {
namespace {

const std::string get_events = "GET /events HTTP/1.1\r\nHost: shop.test\r\n\r\n";
const std::string stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: max-age=60\r\n";

// Server-sent events: each event reaches its client when the origin writes it, and no client shares a stream.
class EventStream : public ::testing::Test {
protected:
    void start()
    {
        s.set("origins.shop.endpoints", "[ '" + by_hand.url() + "' ]");
        s.start();
    }
    byte_stream accept()
    {
        byte_stream link = by_hand.accept();
        by_hand.read(link);
        return link;
    }

    scenario s;
    manual_origin by_hand;
};

TEST_F(EventStream, EachEventArrivesWhenItIsWritten)
{
    start();
    for (const std::string mode : {"chunked", "until close", "on a pass route"}) {
        SCOPED_TRACE(mode);
        raw_client c = s.client();
        c.send(get_events);
        byte_stream link = accept();
        const bool chunked = mode != "until close";
        link.send(stream_head + (chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n"));
        EXPECT_TRUE(read_through(c, "\r\n\r\n").starts_with("HTTP/1.1 200"));   // the head does not wait for an event
        for (int i = 0; i < 50; ++i) {
            const std::string event = "data: " + std::to_string(i) + "\n\n";
            std::ostringstream chunk;
            chunk << std::hex << event.size() << "\r\n" << event << "\r\n";
            link.send(chunked ? chunk.str() : event);
            EXPECT_EQ(c.read_exactly(chunk.str().size()), chunk.str());
        }
        if (chunked) {
            link.send("0\r\n\r\n");
            EXPECT_EQ(c.read_exactly(5), "0\r\n\r\n");
        }
    }
}

TEST_F(EventStream, SingleBytesPassOneByOne)
{
    s.set("routes.0.mode", "pass");
    start();
    raw_client c = s.client();
    c.send(get_events);
    byte_stream link = accept();
    link.send("HTTP/1.1 200 OK\r\n\r\n");   // of any type, of unknown length
    read_through(c, "\r\n\r\n");
    for (const char byte : std::string("unbuffered")) {
        link.send({&byte, 1});
        EXPECT_EQ(c.read_exactly(6), "1\r\n" + std::string(1, byte) + "\r\n");
    }
}

TEST_F(EventStream, AHundredClientsHaveAHundredConnections)
{
    start();
    std::list<raw_client> clients;
    clients.emplace_back(s.client()).send(get_events);
    std::list<byte_stream> links;
    links.push_back(accept());
    for (int i = 1; i < 100; ++i) {
        clients.emplace_back(s.client()).send(get_events);   // of what type the answer is, nobody knows yet
    }
    s.wait_for_waiters(99);
    links.front().send(stream_head + "\r\n");
    while (links.size() < 100) {
        links.push_back(accept());                           // all at once, while the first stream goes on
        links.back().send(stream_head + "\r\n");
    }
    for (raw_client& c : clients) {
        EXPECT_TRUE(read_through(c, "\r\n\r\n").starts_with("HTTP/1.1 200"));
    }
    for (byte_stream& link : links) {
        link.send("data: 1\n\n");
    }
    for (raw_client& c : clients) {
        EXPECT_EQ(c.read_exactly(14), "9\r\ndata: 1\n\n\r\n");
    }
    raw_client late = s.client();                            // the key is marked by now
    late.send(get_events);
    accept();
}

TEST_F(EventStream, WhoAsksForNothingElseWaitsForNobody)
{
    start();
    std::list<raw_client> clients;
    std::list<byte_stream> links;
    for (int i = 0; i < 10; ++i) {
        clients.emplace_back(s.client()).send("GET /events HTTP/1.1\r\nHost: shop.test\r\nAccept: text/event-stream\r\n\r\n");
        links.push_back(accept());                           // none of which is ever answered
    }
    EXPECT_EQ(s.metric("coalesced_total"), 0);
}

TEST_F(EventStream, MayBeSilentForLongerThanOtherAnswers)
{
    s.set("origins.shop.try_timeout", "30ms").set("routes.0.deadline", "60ms");
    s.configure("server: { timeouts: { header: 20ms, body_idle: 20ms, write_idle: 20ms, keep_alive: 20ms } }");
    start();
    raw_client c = s.client();
    c.send(get_events);
    byte_stream link = accept();
    link.send(stream_head + "\r\n");
    read_through(c, "\r\n\r\n");
    EXPECT_TRUE(c.is_silent_for(150ms));
    link.send("data: late\n\n");
    read_through(c, "data: late\n\n\r\n");
}

TEST_F(EventStream, IsNotSilentForEver)
{
    s.set("server.timeouts.tunnel", "50ms");
    start();
    raw_client c = s.client();
    c.send(get_events);
    byte_stream link = accept();
    link.send(stream_head + "\r\n");
    read_through(c, "\r\n\r\n");
    EXPECT_EQ(c.read_to_end(), "");       // and no last chunk
    EXPECT_EQ(link.read_to_end(), "");
}

TEST_F(EventStream, EndsAtTheOriginWhenItsClientLeaves)
{
    start();
    for (const bool reset : {false, true}) {
        raw_client c = s.client();
        c.send(get_events);
        byte_stream link = accept();
        link.send(stream_head + "\r\n");
        read_through(c, "\r\n\r\n");
        if (reset) { c.reset(); } else { c.close(); }
        EXPECT_EQ(link.read_to_end(), "");    // although there was nothing to send
    }
    EXPECT_TRUE(eventually([&] { return s.metric("connections") == 0; }));
}

TEST_F(EventStream, DoesNotTakeTheNextRequestForAFarewell)
{
    start();
    raw_client c = s.client();
    c.send(get_events);
    byte_stream link = accept();
    link.send(stream_head + "Transfer-Encoding: chunked\r\n\r\n");
    read_through(c, "\r\n\r\n");
    c.send("GET /next HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    link.send("1\r\nx\r\n0\r\n\r\n");
    read_through(c, "0\r\n\r\n");
    EXPECT_EQ(by_hand.read(link).target, "/next");
    link.send(plain_answer({}, "next"));
    EXPECT_EQ(c.read_response().body, "next");
}

}  // namespace
}  // namespace tiercel::test
