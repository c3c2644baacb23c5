// How many connections there are, for how long, and who gets them; over several loops too.

#include "origin/fixture.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace tiercel::origin {
namespace {

class ConnectionPool : public OriginTest {};

TEST_F(ConnectionPool, IdleConnectionsAgeOut)
{
    options.pool.idle_timeout = 30ms;
    scripted_origin origin(always(answer("hello")));
    start(origin);
    EXPECT_EQ(get().body, "hello");
    EXPECT_EQ(sut->idle_connections(), 1u);
    EXPECT_TRUE(run_until([&] { return sut->idle_connections() == 0 && origin.ended() == 1; }));
    EXPECT_EQ(open_connections(), 0u);
    EXPECT_FALSE(get().reused);
}

TEST_F(ConnectionPool, TheOriginsShorterKeepAliveCounts)
{
    scripted_origin origin(in_turn({answer("a", 200, "Keep-Alive: timeout=0\r\n"), answer("b", 200, "Keep-Alive: timeout=1\r\n")}));
    start(origin);
    EXPECT_EQ(get().body, "a");
    EXPECT_EQ(sut->idle_connections(), 0u);
    EXPECT_EQ(get().body, "b");
    EXPECT_EQ(sut->idle_connections(), 1u);
    const auto parked = async::steady::now();
    EXPECT_TRUE(run_until([&] { return sut->idle_connections() == 0; }));
    EXPECT_LT(async::steady::now() - parked, 4s);
}

TEST_F(ConnectionPool, ConnectionsRetire)
{
    options.pool.max_life = 50ms;
    scripted_origin origin(always(answer("hello")));
    start(origin);
    EXPECT_TRUE(run_until([&] { return get().body == "hello" && origin.accepted() >= 3; })) << "although it is never idle for long";
}

TEST_F(ConnectionPool, KeepsMoreIdleThanAllowedOnlyForAMoment)
{
    options.pool.idle = 2;
    scripted_origin origin(always(answer("hello")));
    start(origin);
    std::vector<outgoing> requests(5, request());
    std::vector<fetched> results(5);
    for (std::size_t i = 0; i < 5; ++i) {
        spawn(fetch_all(*sut, requests[i], results[i]));
    }
    ASSERT_TRUE(run_until([&] { return std::all_of(results.begin(), results.end(), [](const auto& r) { return r.done; }); }));
    EXPECT_EQ(origin.accepted(), 5);
    EXPECT_EQ(sut->idle_connections(), 5u);
    EXPECT_TRUE(run_until([&] { return sut->idle_connections() == 2; }));
    EXPECT_TRUE(run_until([&] { return origin.ended() == 3; }));
}

TEST_F(ConnectionPool, FullAndNoQueueIsBusy)
{
    options.pool.max = 1;
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.read_request();
    });
    start(origin);
    outgoing rq = request();
    rq.deadline = async::steady::now() + 300ms;
    fetched first;
    spawn(fetch_all(*sut, rq, first));
    ASSERT_TRUE(run_until([&] { return origin.seen().size() == 1; }));
    const auto second = get();
    EXPECT_EQ(second.error, errc::origin_busy);
    EXPECT_EQ(second.retry_after, 1s);
    EXPECT_TRUE(run_until([&] { return first.done; }));
}

TEST_F(ConnectionPool, QueueIsServedInTurnOverOneConnection)
{
    options.pool.max = 1;
    options.pool.queue = 100;
    options.pool.queue_timeout = 10s;
    scripted_origin origin(always(answer("hello")));
    start(origin);
    std::vector<outgoing> requests;
    for (int i = 0; i < 50; ++i) {
        requests.push_back(request("GET", "/" + std::to_string(i)));
    }
    std::vector<fetched> results(50);
    for (std::size_t i = 0; i < 50; ++i) {
        spawn(fetch_all(*sut, requests[i], results[i]));
    }
    ASSERT_TRUE(run_until([&] { return std::all_of(results.begin(), results.end(), [](const auto& r) { return r.done; }); }));
    for (const auto& r : results) {
        EXPECT_EQ(r.body, "hello");
    }
    EXPECT_EQ(origin.accepted(), 1) << "handed from one to the next";
    const auto served = origin.seen();
    for (std::size_t i = 0; i < 50; ++i) {
        EXPECT_EQ(served[i].target, "/" + std::to_string(i));
    }
}

TEST_F(ConnectionPool, SlotOfAClosedConnectionGoesToTheQueue)
{
    options.pool.max = 2;
    options.pool.queue = 100;
    options.pool.queue_timeout = 10s;
    scripted_origin origin(always(answer("hello", 200, "Connection: close\r\n")));
    start(origin);
    std::vector<outgoing> requests(20, request());
    std::vector<fetched> results(20);
    for (std::size_t i = 0; i < 20; ++i) {
        spawn(fetch_all(*sut, requests[i], results[i]));
    }
    ASSERT_TRUE(run_until([&] { return std::all_of(results.begin(), results.end(), [](const auto& r) { return r.done; }); }));
    for (const auto& r : results) {
        EXPECT_EQ(r.body, "hello");
    }
    EXPECT_EQ(origin.accepted(), 20);
}

TEST_F(ConnectionPool, WaitingInTheQueueHasAnEnd)
{
    options.pool.max = 1;
    options.pool.queue = 1;
    options.pool.queue_timeout = 30ms;
    scripted_origin origin([](peer& p) {
        p.read_request();
        p.read_request();
    });
    start(origin);
    outgoing rq = request();
    rq.deadline = async::steady::now() + 400ms;
    fetched first;
    spawn(fetch_all(*sut, rq, first));
    ASSERT_TRUE(run_until([&] { return origin.seen().size() == 1; }));
    EXPECT_EQ(get().error, errc::origin_busy);
    EXPECT_FALSE(first.done);
    EXPECT_TRUE(run_until([&] { return first.done; }));
    EXPECT_EQ(up->endpoints()[0]->slots().waiting(), 0u);
}

TEST_F(ConnectionPool, ConnectTimesOut)
{
    // A listener whose backlog is full does not answer any more.
    const test::unique_fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    ASSERT_EQ(::listen(listener.get(), 0), 0);
    std::vector<test::unique_fd> fillers;
    const auto port = test::port_of(listener);
    for (int i = 0; i < 3; ++i) {
        fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        a.sin_port = htons(port);
        (void)::connect(fillers.back().get(), reinterpret_cast<sockaddr*>(&a), sizeof a);
    }
    options.connect_timeout = 50ms;
    options.retry.max = 1;
    start({"http://127.0.0.1:" + std::to_string(port)});
    const auto got = get();
    EXPECT_EQ(got.error, errc::origin_connect_timeout);
    EXPECT_EQ(got.attempts, 2u);
}

// ---- several loops ---------------------------------------------------------------------------------------------------

// A loop with its thread and its client.
class worker {
public:
    worker(upstream& up, observer& seen) : guard_(boost::asio::make_work_guard(loop_.context()))
    {
        client_ = std::make_unique<client>(loop_, up, seen);
        thread_ = std::thread([this] { loop_.context().run(); });
    }
    ~worker()
    {
        loop_.post([this] {
            client_.reset();
            guard_.reset();
        });
        thread_.join();
    }

    // Starts a request; `out` is complete when `done` counts it.
    void fetch(outgoing& rq, fetched& out, std::atomic<int>& done)
    {
        loop_.post([&] {
            boost::asio::co_spawn(loop_.context(), fetch_all(*client_, rq, out), [&done](std::exception_ptr e) {
                EXPECT_FALSE(e);
                ++done;
                done.notify_all();
            });
        });
    }
    static void wait(std::atomic<int>& done, int n)
    {
        for (int seen = done; seen < n; seen = done) {
            done.wait(seen);
        }
    }

private:
    async::loop loop_;
    boost::asio::executor_work_guard<async::executor> guard_;
    std::unique_ptr<client> client_;
    std::thread thread_;
};

TEST_F(ConnectionPool, IdleConnectionOfAnotherLoopMakesRoom)
{
    options.pool.max = 1;      // and no queue
    scripted_origin origin(always(answer("hello")));
    start(origin);
    recorder seen_a, seen_b;
    worker a(*up, seen_a), b(*up, seen_b);
    for (int i = 0; i < 20; ++i) {
        std::atomic<int> done = 0;
        outgoing rq = request();
        fetched out;
        (i % 2 == 0 ? a : b).fetch(rq, out, done);
        worker::wait(done, 1);
        EXPECT_EQ(out.body, "hello") << i << " " << out.error.message();
        EXPECT_LE(open_connections(), 1u);
    }
    EXPECT_EQ(origin.accepted(), 20) << "each loop had to take it from the other";
}

TEST_F(ConnectionPool, CapHoldsOverAllLoopsAndNobodyStarves)
{
    options.pool.max = 3;
    options.pool.queue = 1000;
    options.pool.queue_timeout = 15s;
    options.limit.max_inflight = 0;
    scripted_origin origin(always(answer("hello")));
    start(origin);
    constexpr int per_loop = 100;
    std::array<recorder, 3> recorders;
    std::vector<std::unique_ptr<worker>> workers;
    for (auto& r : recorders) {
        workers.push_back(std::make_unique<worker>(*up, r));
    }
    std::vector<outgoing> requests(3 * per_loop, request());
    std::vector<fetched> results(3 * per_loop);
    std::atomic<int> done = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        workers[i % 3]->fetch(requests[i], results[i], done);
    }
    worker::wait(done, 3 * per_loop);
    for (const auto& r : results) {
        ASSERT_EQ(r.body, "hello") << r.error.message();
    }
    EXPECT_LE(up->endpoints()[0]->slots().open(), 3u);
    workers.clear();
    EXPECT_EQ(up->endpoints()[0]->slots().open(), 0u);
}

}  // namespace
}  // namespace tiercel::origin
