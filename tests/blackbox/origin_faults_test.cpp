// An answer that breaks HTTP reaches nobody as if it were whole, is not kept, and does not harm the next one.

#include "blackbox/setting.hpp"
#include "origin/faults.hpp"

#include <gtest/gtest.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using sample_origin::ending;
using sample_origin::fault;

// Answers every target with its own name, well, until a fault is chosen.
class faulty_origin {
public:
    ~faulty_origin()
    {
        release();
        ::shutdown(listener_.get(), SHUT_RDWR);
        acceptor_.join();
        for (auto& c : connections_) { c.stream.interrupt(); }
        for (auto& c : connections_) { c.thread.join(); }
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_of(listener_)); }

    void break_with(const fault* f) { fault_ = f; }   // nullptr: answers well again
    // From now on what becomes of a connection after a fault's bytes waits for release().
    void hold() { held_ = true; }
    void release()
    {
        held_ = false;
        held_.notify_all();
    }
    // On all connections; they have arrived when this returns.
    void send_surplus(const std::string& bytes)
    {
        const std::lock_guard lock(mutex_);
        for (connection& c : connections_) {
            if (!c.stream.try_send(bytes)) { continue; }
            const auto has_arrived = [&c] {
                int unacknowledged = 0;
                return ::ioctl(c.fd, SIOCOUTQ, &unacknowledged) != 0 || unacknowledged == 0;
            };
            EXPECT_TRUE(eventually(has_arrived));
        }
    }
    int requests() const { return requests_; }
    static std::string good_body(const std::string& target) { return "good answer to " + target; }

private:
    struct connection {
        int fd;
        byte_stream stream;
        std::thread thread;
    };

    void accept_loop()
    {
        for (;;) {
            unique_fd fd(::accept(listener_.get(), nullptr, nullptr));
            if (!fd) { return; }
            const std::lock_guard lock(mutex_);
            const int on = 1;
            ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            connection& c = connections_.emplace_back();
            c.fd = fd.get();
            c.stream = byte_stream(std::move(fd));
            c.thread = std::thread([this, &c] { serve(c.stream); });
        }
    }

    void serve(byte_stream& s)
    {
        try {
            for (;;) {
                const http_request r = read_request(s, after(60s));
                ++requests_;
                const fault* f = fault_;
                if (f == nullptr) {
                    const std::string body = good_body(r.target);
                    s.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: " + std::to_string(body.size()) +
                           "\r\n\r\n" + (r.method == "HEAD" ? "" : body));
                    continue;
                }
                s.try_send(f->bytes);
                held_.wait(true);
                switch (f->then) {
                case ending::keep: continue;
                case ending::hang: s.is_closed_by_peer(after(60s)); return s.interrupt();
                case ending::close: return s.interrupt();
                case ending::reset: return s.reset();
                }
            }
        } catch (const std::exception&) {
            s.interrupt();
        }
    }

    unique_fd listener_ = listen_on_loopback();
    std::atomic<const fault*> fault_ = nullptr;
    std::atomic<bool> held_ = false;
    std::atomic<int> requests_ = 0;
    std::mutex mutex_;
    std::list<connection> connections_;
    std::thread acceptor_{[this] { accept_loop(); }};
};

// What comes of a fault.
struct consequence {
    enum kind_t {
        refused,   // a problem of this status
        broken,    // a problem of this status, or, once a head was sent, a connection that breaks
        passed,    // this status and content
        either,    // one or the other
    } kind = refused;
    int status = 502;
    std::string body = "";
    bool counted = false;   // in origin_invalid_total
};

const std::map<std::string_view, consequence>& consequences()
{
    using enum consequence::kind_t;
    static const consequence invalid{refused, 502, "", true};
    static const consequence cut{broken, 502, "", true};
    static const consequence ten{passed, 200, "0123456789", false};
    static const std::map<std::string_view, consequence> table = {
        {"no-answer", {refused, 502}},
        {"reset", {refused, 502}},
        {"hang", {refused, 504}},
        {"close", ten},
        {"surplus", {passed, 200, "0123456789", true}},
        {"second-answer", {passed, 200, "0123456789", true}},
        {"truncate", cut},
        {"reset-body", cut},
        {"reset-until-close", cut},
        {"hang-body", {broken, 504}},
        {"hang-head", {refused, 504}},
        {"truncate-head", {refused, 502}},
        {"two-lengths", invalid},
        {"length-list", invalid},
        {"length-and-chunked", {passed, 200, "abc"}},   // chunked counts (RFC 9112 §6.3), the connection does not go on
        {"bad-length", invalid},
        {"negative-length", invalid},
        {"huge-length", invalid},
        {"bad-coding", invalid},
        {"chunked-twice", invalid},
        {"bad-chunk", cut},
        {"huge-chunk", cut},
        {"short-chunk", cut},
        {"no-last-chunk", cut},
        {"lf-chunk", cut},
        {"garbage", invalid},
        {"http09", invalid},
        {"bad-version", invalid},
        {"bad-status", invalid},
        {"nul", invalid},
        {"bare-cr", invalid},
        {"bare-lf", invalid},
        {"fold", invalid},
        {"space-colon", invalid},
        {"no-colon", invalid},
        {"big-head", invalid},
        {"many-fields", invalid},
        {"early-413", {passed, 413, "0123456789"}},     // not early for a GET
        {"unasked-101", invalid},
        {"unasked-206", {passed, 206, "0123456789"}},
        {"unasked-304", {either, 502}},
        {"body-204", {passed, 204, "", true}},
        {"endless-103", {either, 502, "0123456789", true}},
    };
    return table;
}

// How often answers may be kept although something was wrong with their surroundings.
bool may_be_stored(std::string_view name)
{
    return name == "close" || name == "surplus" || name == "second-answer" || name == "length-and-chunked" ||
           name == "body-204" || name == "endless-103";
}

// All bytes of a connection, and how it ended.
struct received_answer {
    std::string bytes;
    bool reset = false;
};

received_answer receive(raw_client& from)
{
    received_answer out;
    try {
        for (std::string more; !(more = from.read_some()).empty();) { out.bytes += more; }
    } catch (const peer_closed& e) {
        out.reset = e.reset;
    }
    return out;
}

// What a client believes that got this on a connection of its own (RFC 9112 §8).
bool is_whole(const received_answer& a)
{
    const std::size_t head = a.bytes.find("\r\n\r\n");
    if (head == std::string::npos) { return false; }
    const std::size_t content = a.bytes.size() - head - 4;
    const std::size_t length = a.bytes.find("\r\nContent-Length: ");
    if (length < head) { return content >= std::stoul(a.bytes.substr(length + 18)); }
    if (a.bytes.find("\r\nTransfer-Encoding: chunked") < head) { return a.bytes.ends_with("0\r\n\r\n"); }
    return !a.reset;
}

class OriginFaults : public testing::Test {
protected:
    explicit OriginFaults(const std::string& try_timeout = "1s") : proxy_(yaml(origin_.url(), try_timeout)) {}

    static std::string yaml(const std::string& url, const std::string& try_timeout)
    {
        setting s{.origin_url = url};
        s.origin_options = "try_timeout: " + try_timeout + ", breaker: {failures: 100, window: 1s}, retry: {base: 1ms, cap: 2ms, budget: 1.0}";
        s.route_options = "stampede: {error_memo: 0s}";
        return s.yaml();
    }

    // Asks for it while the fault is on, and looks at what comes.
    void expect_consequence(const consequence& c, const std::string& target, const std::string& version = "1.1")
    {
        raw_client client = proxy_.client();
        client.set_timeout(5s);   // a few times more than any timeout in this
        client.send("GET " + target + " HTTP/" + version + "\r\nHost: shop\r\nConnection: close\r\n\r\n");
        try {
            if (c.kind == consequence::broken) {
                const received_answer got = receive(client);
                const bool refused = got.bytes.starts_with("HTTP/1.1 " + std::to_string(c.status));
                EXPECT_TRUE(refused || got.bytes.starts_with("HTTP/1.1 200")) << "not a word: " << got.bytes;
                EXPECT_EQ(is_whole(got), refused);
                return;
            }
            const http_response r = client.read_response();
            if (c.kind == consequence::passed || (c.kind == consequence::either && r.status == 200)) {
                EXPECT_EQ(r.status, c.status == 502 ? 200 : c.status);
                EXPECT_EQ(r.body, c.body);
                EXPECT_FALSE(r.has("X-Second"));
            } else {
                EXPECT_EQ(r.status, c.status);
                expect_problem(r);
            }
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
    }

    void expect_good(const std::string& target, bool from_origin)
    {
        const http_response r = proxy_.get(target, {{"Host", "shop"}});
        EXPECT_EQ(r.status, 200);
        EXPECT_EQ(r.body, faulty_origin::good_body(target));
        if (from_origin) { EXPECT_FALSE(cache_status_of(r).hit); }
    }

    double invalid_answers() const { return proxy_.metric("origin_invalid_total"); }

    faulty_origin origin_;
    proxy proxy_;
};

TEST_F(OriginFaults, EveryFaultOfTheSampleOriginHasItsConsequence)
{
    for (const fault& f : sample_origin::faults()) { EXPECT_TRUE(consequences().contains(f.name)) << f.name; }
    EXPECT_EQ(sample_origin::faults().size(), consequences().size());
}

TEST_F(OriginFaults, ReachNobodyAndAreNotKept)
{
    for (const fault& f : sample_origin::faults()) {
        const consequence& c = consequences().at(f.name);
        const std::string target = "/" + std::string(f.name);
        SCOPED_TRACE("25 " + std::string(f.name) + ": " + std::string(f.text));
        const double before = invalid_answers();
        origin_.break_with(&f);
        expect_consequence(c, target);
        origin_.break_with(nullptr);
        EXPECT_EQ(invalid_answers() > before, c.counted);
        if (!may_be_stored(f.name)) { expect_good(target, true); }
        expect_good(target + "/other", true);
    }
}

// Content that is delimited by the close looks whole when the close looks clean.
TEST_F(OriginFaults, ReachNoClientOfHttp10EitherAsIfWhole)
{
    for (const char* name : {"truncate", "reset-body", "reset-until-close", "bad-chunk", "short-chunk", "no-last-chunk", "hang-body"}) {
        SCOPED_TRACE("25 "s + name);
        origin_.break_with(sample_origin::find_fault(name));
        expect_consequence(consequences().at(name), "/"s + name, "1.0");
        origin_.break_with(nullptr);
        expect_good("/"s + name, true);
    }
}

// A third of them end with the timeout.
class LateOriginFaults : public OriginFaults {
protected:
    LateOriginFaults() : OriginFaults("300ms") {}
};

// The client has already got all that there is when the origin goes.
TEST_F(LateOriginFaults, BreakTheAnswerInMidAir)
{
    const std::string half(5000, 'h');
    const struct {
        const char* name;
        std::string fields;
        ending then;
        bool clean;   // such a close is a clean end
    } table[] = {
        {"25 length, then the end", "Content-Length: 10000\r\n\r\n" + half, ending::close, false},
        {"25 length, then a reset", "Content-Length: 10000\r\n\r\n" + half, ending::reset, false},
        {"25 length, then nothing", "Content-Length: 10000\r\n\r\n" + half, ending::hang, false},
        {"25 chunks, then the end", "Transfer-Encoding: chunked\r\n\r\n1388\r\n" + half + "\r\n", ending::close, false},
        {"25 chunks, then a reset", "Transfer-Encoding: chunked\r\n\r\n1388\r\n" + half + "\r\n", ending::reset, false},
        {"25 chunks, then nothing", "Transfer-Encoding: chunked\r\n\r\n1388\r\n" + half + "\r\n", ending::hang, false},
        {"25 no length, then a reset", "\r\n" + half, ending::reset, false},
        {"25 no length, then nothing", "\r\n" + half, ending::hang, false},
        {"25 no length, then the end", "\r\n" + half, ending::close, true},
    };
    for (const char* caching : {"max-age=60", "no-store"}) {
        for (const auto& row : table) {
            for (const char* version : {"1.1", "1.0"}) {
                const std::string target = "/late/"s + std::to_string(&row - table) + "/" + caching + "/" + version;
                SCOPED_TRACE(row.name + ", "s + caching + ", to HTTP/" + version);
                const fault f{.name = "", .text = "", .bytes = "HTTP/1.1 200 OK\r\nCache-Control: "s + caching + "\r\n" + row.fields, .then = row.then};
                origin_.hold();
                origin_.break_with(&f);
                raw_client client = proxy_.client();
                client.send("GET " + target + " HTTP/" + version + "\r\nHost: shop\r\nConnection: close\r\n\r\n");
                received_answer got;
                while (static_cast<std::size_t>(std::count(got.bytes.begin(), got.bytes.end(), 'h')) < half.size()) {
                    got.bytes += client.read_some();
                }
                origin_.release();
                const received_answer rest = receive(client);
                got.bytes += rest.bytes;
                got.reset = rest.reset;
                EXPECT_EQ(is_whole(got), row.clean);
                origin_.break_with(nullptr);
                if (!row.clean) { expect_good(target, true); }
            }
        }
    }
}

TEST_F(OriginFaults, SurplusBytesNeverAnswerAnotherRequest)
{
    int number = 0;
    for (const char* name : {"surplus", "second-answer", "body-204", "length-and-chunked", "unasked-304"}) {
        for (int i = 0; i < 10; ++i) {
            SCOPED_TRACE("26 "s + name);
            origin_.break_with(sample_origin::find_fault(name));
            proxy_.get("/broken/" + std::to_string(++number));
            origin_.break_with(nullptr);
            raw_client c = proxy_.client();
            for (int k = 0; k < 3; ++k) {
                const std::string target = "/next/" + std::to_string(++number);
                EXPECT_EQ(c.get(target).body, faulty_origin::good_body(target));
            }
        }
    }
}

TEST_F(OriginFaults, ContentWhereNoneMayBeIsNeverAnAnswer)
{
    const struct {
        const char* name;
        const char* method;
        std::string bytes;
    } table[] = {
        {"26 content on HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"},
        {"26 an answer as content on HEAD", "HEAD",
         "HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"},
        {"26 chunks on HEAD", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
        {"26 content on 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n0123456789"},
        {"26 an answer behind a 204", "GET", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        const fault f{.name = "", .text = "", .bytes = row.bytes, .then = ending::keep};
        origin_.break_with(&f);
        raw_client c = proxy_.client();
        c.request(row.method, "/content/"s + row.method, {{"If-None-Match", "\"a\""}});
        origin_.break_with(nullptr);
        for (int i = 0; i < 2; ++i) {
            const std::string target = "/next/" + std::to_string(&row - table) + "/" + std::to_string(i);
            EXPECT_EQ(c.get(target).body, faulty_origin::good_body(target));
        }
    }
}

// The connection was put aside in good order; what came meanwhile spoils it.
TEST_F(OriginFaults, BytesThatComeWhileIdleNeverAnswerTheNextRequest)
{
    for (int i = 0; i < 20; ++i) {
        SCOPED_TRACE("26 round " + std::to_string(i));
        expect_good("/first/" + std::to_string(i), true);
        origin_.send_surplus("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        expect_good("/second/" + std::to_string(i), true);
    }
}

// What ends at this hop is gone, what must stay is not talked away, and the framing is as it really was.
TEST_F(OriginFaults, FieldsNamedByConnectionEndHereButForThoseThatMatter)
{
    const struct {
        const char* name;
        std::string bytes;
        std::string body;
        std::vector<const char*> gone;
        std::vector<const char*> kept;
    } table[] = {
        {"12 named fields", "Connection: X-One, x-two\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nContent-Length: 4\r\n\r\nbody", "body",
         {"X-One", "X-Two"}, {"X-Three"}},
        {"12 several lines", "Connection: X-One\r\nX-One: 1\r\nConnection: , X-Two,\r\nX-Two: 2\r\nContent-Length: 4\r\n\r\nbody", "body",
         {"X-One", "X-Two"}, {}},
        {"12 of the hop by themselves",
         "Keep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nProxy-Connection: x\r\nTE: x\r\nUpgrade: x\r\nContent-Length: 4\r\n\r\nbody", "body",
         {"Keep-Alive", "Proxy-Connection", "TE", "Upgrade"}, {}},
        {"12 the length", "Connection: Content-Length\r\nContent-Length: 4\r\n\r\nbody", "body", {}, {"Content-Length"}},
        {"12 the coding", "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", "body", {}, {}},
        {"12 trailers", "Trailer: X-One\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-One: 1\r\nSet-Cookie: a=b\r\n\r\n", "body",
         {"X-One", "Set-Cookie", "Trailer"}, {}},
        {"12 the time", "Connection: Date\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 4\r\n\r\nbody", "body", {}, {"Date"}},
    };
    for (const auto& row : table) {
        SCOPED_TRACE(row.name);
        const fault f{.name = "", .text = "", .bytes = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n" + row.bytes, .then = ending::keep};
        const std::string target = "/fields/" + std::to_string(&row - table);
        origin_.break_with(&f);
        for (const char* which : {"passed on", "stored"}) {
            SCOPED_TRACE(which);
            const http_response r = proxy_.get(target, {{"Host", "shop"}});
            EXPECT_EQ(r.body, row.body);
            for (const char* name : row.gone) { EXPECT_FALSE(r.has(name)) << name; }
            for (const char* name : row.kept) { EXPECT_TRUE(r.has(name)) << name; }
            for (const auto& [name, value] : r.trailers) { EXPECT_NE(name, "Set-Cookie"); }
            if (const auto connection = r.header("Connection")) { EXPECT_THAT(*connection, testing::Not(testing::HasSubstr("X-"))); }
        }
        origin_.break_with(nullptr);
        expect_good("/next" + target, true);
    }
}

TEST_F(OriginFaults, AFailedPostIsNotRepeated)
{
    for (const char* name : {"no-answer", "reset", "garbage", "truncate-head", "bad-chunk"}) {
        SCOPED_TRACE("28 "s + name);
        expect_good("/warm/"s + name, true);
        const int before = origin_.requests();
        origin_.break_with(sample_origin::find_fault(name));
        raw_client c = proxy_.client();
        c.exchange("POST /x HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        origin_.break_with(nullptr);
        EXPECT_EQ(origin_.requests(), before + 1);
    }
}

// However many requests meet it: one opening, and one line about it.
TEST(DeadOrigins, OpenTheirBreakerOnceAndAreWorthOneLine)
{
    origin_process origin;
    const proxy p(setting{.origin_url = origin.url(), .origin_options = "retry: {max: 0}"}.yaml());
    EXPECT_EQ(p.get("/page/well").status, 200);
    origin.kill();
    int refused = 0;
    for (int i = 0; i < 100; ++i) { refused += p.get("/page/" + std::to_string(i)).status == 503; }
    EXPECT_GE(refused, 90);
    EXPECT_EQ(p.metric("breaker_transitions_total", {{"to", "open"}}), 1);
    EXPECT_LE(p.metric("origin_requests_total", {{"result", "refused"}}), 6);
    const std::string log = p.log();
    const std::string line = "breaker origin=shop";
    const std::size_t first = log.find(line);
    EXPECT_NE(first, std::string::npos);
    EXPECT_EQ(log.find(line, first + 1), std::string::npos) << log;
}

}  // namespace
}  // namespace tiercel::test
