// A gibibyte in either direction passes through in pieces: the process needs no more memory for it than for a page.

#include "blackbox/process_memory.hpp"
#include "blackbox/setting.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <atomic>
#include <list>
#include <random>
#include <thread>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t MiB = 1 << 20;
constexpr std::uint64_t total = 1024 * MiB;
constexpr std::uint64_t most_memory = 8 * MiB;

// The same mebibyte again and again would not show pieces that changed places.
class content_stream {
public:
    content_stream()
    {
        std::mt19937_64 random(1);
        for (std::size_t i = 0; i < block_.size(); i += 8) {
            const std::uint64_t r = random();
            block_.replace(i, 8, reinterpret_cast<const char*>(&r), 8);
        }
    }
    // The next bytes, at most a mebibyte, each block marked with its number.
    std::string_view next(std::uint64_t at)
    {
        const std::uint64_t number = at / MiB;
        block_.replace(0, 8, reinterpret_cast<const char*>(&number), 8);
        return std::string_view(block_).substr(at % MiB, total - at);
    }

private:
    std::string block_ = std::string(MiB, '\0');
};

// Reads all of it from the stream. How many bytes were as they should be until the first that was not.
std::uint64_t read_all(byte_stream& in)
{
    content_stream expected;
    std::uint64_t done = 0;
    while (done < total) {
        const std::string got = in.read_some(after(60s));
        if (got.empty()) { return done; }
        for (std::size_t at = 0; at < got.size();) {
            const std::string_view want = expected.next(done).substr(0, got.size() - at);
            if (want.empty() || std::string_view(got).substr(at, want.size()) != want) { return done; }
            at += want.size();
            done += want.size();
        }
    }
    return done;
}

void send_all(byte_stream& out)
{
    content_stream content;
    for (std::uint64_t at = 0; at < total;) {
        const std::string_view piece = content.next(at);
        out.send(piece, after(60s));
        at += piece.size();
    }
}

// Sends all of it to every GET, and tells every POST how much came.
class big_origin {
public:
    ~big_origin()
    {
        ending_ = true;
        ending_.notify_all();
        ::shutdown(listener_.get(), SHUT_RDWR);
        acceptor_.join();
        for (auto& c : connections_) { c.stream.interrupt(); }
        for (auto& c : connections_) { c.thread.join(); }
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_of(listener_)); }

private:
    struct connection {
        byte_stream stream;
        std::thread thread;
    };

    void accept_loop()
    {
        for (;;) {
            unique_fd fd(::accept(listener_.get(), nullptr, nullptr));
            if (!fd) { return; }
            connection& c = connections_.emplace_back();
            c.stream = byte_stream(std::move(fd));
            c.thread = std::thread([this, &c] { serve(c.stream); });
        }
    }

    void serve(byte_stream& s)
    {
        try {
            for (;;) {
                const http_request r = read_request_head(s, after(60s));
                if (r.target == "/deaf") {
                    ending_.wait(false);   // reads nothing
                    return s.interrupt();
                }
                if (r.method == "POST") {
                    const std::string came = std::to_string(read_all(s));
                    s.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(came.size()) + "\r\n\r\n" + came);
                    continue;
                }
                const std::string caching = r.target.starts_with("/passed") ? "no-store" : "max-age=60";
                const bool says_length = r.target != "/endless";
                s.send("HTTP/1.1 200 OK\r\nCache-Control: " + caching + "\r\n" +
                       (says_length ? "Content-Length: " + std::to_string(total) : "Connection: close") + "\r\n\r\n");
                send_all(s);
                if (!says_length) { return s.interrupt(); }
            }
        } catch (const std::exception&) {
            s.interrupt();
        }
    }

    unique_fd listener_ = listen_on_loopback();
    std::atomic<bool> ending_ = false;
    std::list<connection> connections_;
    std::thread acceptor_{[this] { accept_loop(); }};
};

class Transfers : public testing::Test {
protected:
    Transfers()
    {
        setting s{.origin_url = origin_.url()};
        s.server = "{threads: 2, limits: {body: 2GiB}}";
        s.cache = "{l1: {max_bytes: 1MiB}, l2: {kind: none}}";
        s.route_options = "deadline: 5m";
        proxy_.emplace(s.yaml());
        proxy_->get("/%zz");   // refused, but then everything is there that is made once
        before_ = memory_of(proxy_->process().pid()).peak;
        stream_ = byte_stream(connect_to("127.0.0.1", proxy_->port()));
    }

    void expect_little_memory()
    {
        const std::uint64_t peak = memory_of(proxy_->process().pid()).peak;
        EXPECT_LE(peak, before_ + most_memory) << (peak - before_) / MiB << " MiB more";
    }

    void expect_download(const std::string& target)
    {
        stream_.send("GET " + target + " HTTP/1.1\r\nHost: shop\r\n\r\n");
        EXPECT_TRUE(stream_.read_until("\r\n\r\n", 1 << 14).starts_with("HTTP/1.1 200"));
        EXPECT_EQ(read_all(stream_), total);
        expect_little_memory();
    }

    big_origin origin_;
    std::optional<proxy> proxy_;
    byte_stream stream_;
    std::uint64_t before_ = 0;
};

TEST_F(Transfers, OfAGibibyteDownNeedLittleMemory)
{
    expect_download("/passed");
}

TEST_F(Transfers, OfAGibibyteThatMightBeStoredNeedLittleMemory)
{
    expect_download("/stored");
}

// Nobody knows how long it is until it is too long to be kept.
TEST_F(Transfers, OfAGibibyteWithoutALengthNeedLittleMemory)
{
    stream_.send("GET /endless HTTP/1.0\r\nHost: shop\r\n\r\n");   // without chunks
    EXPECT_TRUE(stream_.read_until("\r\n\r\n", 1 << 14).starts_with("HTTP/1.1 200"));
    EXPECT_EQ(read_all(stream_), total);
    EXPECT_TRUE(stream_.is_closed_by_peer());
    expect_little_memory();
}

// An origin that does not read paces the client.
TEST_F(Transfers, WaitWhereTheyAreWhenTheOriginDoesNotRead)
{
    stream_.send("POST /deaf HTTP/1.1\r\nHost: shop\r\nContent-Length: " + std::to_string(total) + "\r\n\r\n");
    const std::string piece(MiB, 'x');
    std::uint64_t taken = 0;
    EXPECT_THROW({
        for (; taken < total; taken += piece.size()) { stream_.send(piece, after(500ms)); }
    }, timed_out);
    EXPECT_LT(taken, 64 * MiB) << "the buffers of four sockets, and little more";
    expect_little_memory();
}

TEST_F(Transfers, OfAGibibyteUpNeedLittleMemory)
{
    stream_.send("POST /up HTTP/1.1\r\nHost: shop\r\nContent-Length: " + std::to_string(total) + "\r\n\r\n");
    send_all(stream_);
    EXPECT_EQ(read_response(stream_, false, after(60s)).body, std::to_string(total));
    expect_little_memory();
}

}  // namespace
}  // namespace tiercel::test
