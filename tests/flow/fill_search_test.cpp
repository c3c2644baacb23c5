// What a fill does before it asks the origin, where the facts change between the decision and the fill.

#include "flow/fill_search.hpp"

#include "redis/run_task.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace tiercel::flow {
namespace {

using namespace std::chrono_literals;

constexpr instant start{milliseconds{1'700'000'000'000}};

class fixed_clock final : public clock {
public:
    instant now() const override { return start; }
    wall_time wall() const override { return wall_time(start.time_since_epoch()); }
};

// Has nothing, and knows what the test says.
class empty_l2 final : public l2::store {
public:
    void start() override {}
    async::task<> stop() override { co_return; }
    async::task<l2::found_entry> get(std::string_view, std::string_view, const hash128&) override { co_return l2::found_entry(); }
    async::task<l2::found_entries> get_all(std::string_view, std::span<const l2::wanted> keys) override
    {
        l2::found_entries none;
        none.stored.resize(keys.size());
        co_return none;
    }
    async::task<l2::lookup> look_up(std::span<const scope_hash>) override
    {
        ++lookups;
        if (during_lookup) { during_lookup(); }
        co_return told;
    }
    void put(std::string_view, const entry_ptr&) override {}
    void remove(std::string_view, std::string_view) override {}
    bool has_locks() const override { return false; }
    async::task<l2::lock_attempt> try_lock(std::string_view, std::string_view, const hash128&, milliseconds) override
    {
        co_return l2::lock_attempt();
    }
    void commit(l2::fill_lease&, std::string_view, std::span<const entry_ptr>) override {}
    std::shared_ptr<l2::wake_board> wakes() const override { return nullptr; }
    byte_count largest_content() const override { return 0; }
    l2::state current() const override { return l2::state::up; }
    void set_timeout(milliseconds) override {}

    std::function<void()> during_lookup;
    l2::lookup told = l2::lookup::known;
    int lookups = 0;
};

class FillSearch : public testing::Test {
protected:
    FillSearch()
    {
        const hash128 hash = seeded_hash("key", 0);
        const scope_hash scopes[] = {7};
        entry_parts parts;
        parts.key = "key";
        parts.hash = hash;
        parts.times.received = start - 10s;
        parts.times.fresh_until = parts.times.swr_until = parts.times.sie_until = parts.times.unreachable_until = start + 1h;
        parts.stamp = valid_.applied();
        parts.scopes = scopes;
        parts.head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n";
        parts.small_body = "body";
        stored_ = entry::make(parts);
        l1_.put(stored_, start);
        asked_.from = &client_;
        asked_.route = &routes_.routes().front();
        asked_.key = asked_.resource = "key";
        asked_.hash = hash;
        asked_.now = start;
    }
    static std::vector<routing::route> one_route()
    {
        std::vector<routing::route> all(1);
        all[0].name = "all";
        return all;
    }
    // Of a request whose answer in memory may have been invalidated, with a table that says nothing.
    bool is_served_unseen(blind_rule rule)
    {
        valid_.set_contact(contact::blind);
        valid_.know_until(start - 10s);
        l2_.told = l2::lookup::unreachable;
        process_.tiers.when_blind = rule;
        process_.tiers.blind_grace = 5s;
        auto joined = std::make_shared<flight>("key", valid_.applied());
        fill_job job(asked_, joined, asked_.hash);
        job.stored = stored_;
        job.is_unsure = true;
        fill_end end(job, worker_);
        fill_search search(job, end, worker_);
        redis::run(loop_, search.run());
        return joined->look().state == flight_state::complete;
    }
    // Of a revisit that was decided on before contact was lost for good.
    flight::view revisit_blindly()
    {
        valid_.set_contact(contact::blind);
        auto joined = std::make_shared<flight>("key", valid_.applied());
        fill_job job(asked_, joined, asked_.hash);
        job.stored = job.refreshed = stored_;
        job.background = true;
        job.why = renewal::revisit;
        fill_end end(job, worker_);
        fill_search search(job, end, worker_);
        EXPECT_FALSE(redis::run(loop_, search.run()));
        return joined->look();
    }

    fixed_clock time_;
    memory_store l1_{memory_store_options{}};
    validity valid_;
    flight_table flights_;
    mark_table marks_;
    descriptor_desk descriptors_;
    routing::tenancy tenants_{{}};
    routing::route_table routes_{one_route()};
    process_context process_{.time = time_, .l1 = l1_, .valid = valid_, .flights = flights_, .marks = marks_, .descriptors = descriptors_,
                             .tenants = tenants_, .routes = routes_, .hash_seed = 0, .tiers = {}};
    telemetry::metrics metrics_{telemetry::metric_names{}};
    telemetry::cells counts_ = metrics_.attach();
    async::loop loop_;
    empty_l2 l2_;
    worker_context worker_{.process = process_, .loop = loop_, .l2 = &l2_, .origins = {}, .counts = counts_, .ids = {}, .random = {}};
    peer client_;
    request asked_;
    entry_ptr stored_;
};

TEST_F(FillSearch, ARevisitThatIsBlindByNowServesOnWhatTheTableSaysNothingOf)
{
    const flight::view ended = revisit_blindly();
    EXPECT_EQ(l2_.lookups, 1);
    ASSERT_EQ(ended.state, flight_state::complete);
    EXPECT_EQ(ended.entry, stored_);
}

TEST_F(FillSearch, ARevisitThatIsBlindByNowEndsWhereTheTableSaysThatTheAnswerIsGone)
{
    l2_.during_lookup = [&] {
        valid_.apply(7, purge_mode::hard, valid_.applied() + 1);
        valid_.touch();
    };
    EXPECT_EQ(revisit_blindly().state, flight_state::alone);
    EXPECT_EQ(l1_.find("key", asked_.hash, start), nullptr);
}

TEST_F(FillSearch, ARevisitThatIsBlindByNowEndsWhereContactComesBackMeanwhile)
{
    l2_.during_lookup = [&] {
        valid_.set_contact(contact::resumed);
        valid_.touch();
    };
    EXPECT_EQ(revisit_blindly().state, flight_state::alone);
    EXPECT_EQ(l1_.find("key", asked_.hash, start), stored_) << "it may well be good";
}

TEST_F(FillSearch, WhereTheTableSaysNothingItIsDoneAsToldForThatCase)
{
    EXPECT_TRUE(is_served_unseen(blind_rule::serve));
}

TEST_F(FillSearch, WhereTheTableSaysNothingNothingIsServedByThoseWhoAreToGoPastTheCache)
{
    EXPECT_FALSE(is_served_unseen(blind_rule::bypass));
}

}  // namespace
}  // namespace tiercel::flow
