// Names that change while requests go on.

#include "origin/fixture.hpp"
#include "origin/names.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <condition_variable>
#include <mutex>

namespace tiercel::origin {
namespace {

async::endpoint at(const scripted_origin& o)
{
    const auto port = static_cast<std::uint16_t>(std::stoi(o.url().substr(o.url().rfind(':') + 1)));
    return boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), port);
}

// Answers as the test says, and counts.
class name_service {
public:
    void answer(std::vector<async::endpoint> a)
    {
        const std::lock_guard lock(mutex_);
        answer_ = std::move(a);
    }
    void break_down() { answer({}); }
    void hang() { hangs_ = true; }
    void let_go()
    {
        hangs_ = false;
        hangs_.notify_all();
    }
    bool is_busy() const { return inside_ > 0; }
    int asked() const { return asked_; }

    lookup as_lookup()
    {
        return [this](const address&) -> result<std::vector<async::endpoint>> {
            ++inside_;
            const auto leave = std::shared_ptr<void>(nullptr, [this](void*) { --inside_; });
            ++asked_;
            hangs_.wait(true);
            const std::lock_guard lock(mutex_);
            if (answer_.empty()) {
                return errc::origin_unresolved;
            }
            return answer_;
        };
    }

private:
    std::mutex mutex_;
    std::vector<async::endpoint> answer_;
    std::atomic<bool> hangs_ = false;
    std::atomic<int> inside_ = 0;
    std::atomic<int> asked_ = 0;
};

class Names : public OriginTest {
protected:
    void start_named(std::chrono::milliseconds interval)
    {
        options.retry.max = 0;
        options.endpoints.push_back({"http://shop.test", 1});
        up = std::make_unique<upstream>("test", options, clock, 42);
        ASSERT_FALSE(up->resolve(service.as_lookup()));
        sut = std::make_unique<client>(loop, *up, seen);
        keeper.emplace(std::vector{name_keeper::item{up->endpoints()[0]->known(), nullptr, interval, "shop"}},
                       [this](std::string_view, std::string_view, bool trouble) { ++(trouble ? troubles : moves); }, service.as_lookup());
        keeper->start();
    }
    bool wait_for_lookups(int more)
    {
        const int n = service.asked() + more;
        return run_until([&] { return service.asked() >= n; });
    }
    void TearDown() override
    {
        service.let_go();
        keeper.reset();
        EXPECT_TRUE(run_until([this] { return !service.is_busy(); }));
        OriginTest::TearDown();
    }

    name_service service;
    std::optional<name_keeper> keeper;
    std::atomic<int> troubles = 0;
    std::atomic<int> moves = 0;
};

TEST_F(Names, TrafficFollowsAnEndpointThatMoves)
{
    const scripted_origin before(always(answer("before")));
    const scripted_origin after(always(answer("after")));
    service.answer({at(before)});
    start_named(20ms);
    EXPECT_EQ(get().body, "before");
    EXPECT_EQ(sut->idle_connections(), 1u);
    service.answer({at(after)});
    ASSERT_TRUE(run_until([&] { return moves == 1; }));
    // The idle connection is to a place that is none any more: it is not used again.
    EXPECT_EQ(get().body, "after");
    EXPECT_EQ(get().body, "after");
    EXPECT_EQ(before.seen().size(), 1u);
    EXPECT_EQ(open_connections(), 1u);
}

TEST_F(Names, ConnectionsToAnAddressThatStaysAreKept)
{
    const scripted_origin one(always(answer("one")));
    const scripted_origin other(always(answer("other")));
    service.answer({at(one)});
    start_named(20ms);
    get();
    service.answer({at(one), at(other)});
    ASSERT_TRUE(run_until([&] { return moves == 1; }));
    EXPECT_TRUE(get().reused);
    service.answer({at(other), at(one)});   // turned round: nothing new
    ASSERT_TRUE(wait_for_lookups(2));
    EXPECT_EQ(moves, 1);
}

TEST_F(Names, ANameServiceThatIsAwayChangesNothing)
{
    const scripted_origin o(always(answer("here")));
    service.answer({at(o)});
    start_named(20ms);
    service.break_down();
    ASSERT_TRUE(wait_for_lookups(3));
    EXPECT_EQ(get().body, "here");
    EXPECT_EQ(troubles, 1) << "told once";
    EXPECT_EQ(moves, 0);
}

TEST_F(Names, AFailedConnectionMakesItLookAgain)
{
    auto gone = std::make_unique<scripted_origin>(always(answer("gone")));
    const scripted_origin now(always(answer("here")));
    service.answer({at(*gone)});
    start_named(1h);
    const int asked = service.asked();
    gone.reset();
    service.answer({at(now)});
    EXPECT_EQ(get().error, errc::origin_refused);
    ASSERT_TRUE(run_until([&] { return moves == 1; }));
    EXPECT_EQ(get().body, "here");
    EXPECT_EQ(service.asked(), asked + 1);
}

TEST_F(Names, ALookupThatHangsHoldsUpNeitherTrafficNorTheEnd)
{
    const scripted_origin o(always(answer("here")));
    service.answer({at(o)});
    start_named(10ms);
    service.hang();
    ASSERT_TRUE(wait_for_lookups(1));
    EXPECT_EQ(get().body, "here");
    const auto before = async::steady::now();
    keeper->stop();
    EXPECT_LT(async::steady::now() - before, 1s);
    service.answer({});
    service.let_go();
    EXPECT_EQ(get().body, "here");
}

}  // namespace
}  // namespace tiercel::origin
