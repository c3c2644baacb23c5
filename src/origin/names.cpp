#include "origin/names.hpp"

#include "origin/policies.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace tiercel::origin {
namespace {

using steady = std::chrono::steady_clock;

constexpr std::chrono::seconds between_doubts{1};   // a name that is doubted is looked up no more often
constexpr std::chrono::milliseconds look_around{200};   // for doubts

bool is_name(const address& a)
{
    error_code ec;
    boost::asio::ip::make_address(a.host, ec);
    return !a.is_unix() && ec;
}

}  // namespace

// ---- known_addresses -------------------------------------------------------------------------------------------------

address_list known_addresses::current() const
{
    const std::lock_guard lock(mutex_);
    return list_;
}

bool known_addresses::has(const async::endpoint& one) const
{
    const address_list list = current();
    return std::find(list->begin(), list->end(), one) != list->end();
}

bool known_addresses::learn(std::vector<async::endpoint> found)
{
    const std::lock_guard lock(mutex_);
    // Servers of names turn the order round with each answer.
    if (found.empty() || std::is_permutation(found.begin(), found.end(), list_->begin(), list_->end())) {
        return false;
    }
    list_ = std::make_shared<const std::vector<async::endpoint>>(std::move(found));
    generation_.fetch_add(1, std::memory_order_release);
    return true;
}

// ---- name_keeper -----------------------------------------------------------------------------------------------------

struct name_keeper::state {
    struct entry {
        item what;
        bool has_name;
        bool failing = false;              // reported once
        steady::time_point due;
        steady::time_point looked;
    };

    std::mutex mutex;                      // of what follows, and of reports
    std::condition_variable changed;
    bool stopping = false;
    report tell;

    std::vector<entry> entries;            // the thread's only
    lookup look;
    std::uint64_t random = 0;

    steady::time_point next_due(const entry& e, steady::time_point now)
    {
        random = spread(random + split_mix_step);
        const double tenth = 0.9 + 0.2 * (static_cast<double>(random >> 11) * 0x1p-53);
        return now + std::chrono::duration_cast<steady::duration>(e.what.interval * tenth);
    }

    bool is_stopping()
    {
        const std::lock_guard lock(mutex);
        return stopping;
    }

    void say(const entry& e, std::string_view what, bool is_trouble)
    {
        const std::lock_guard lock(mutex);
        if (!stopping && tell) {
            tell(e.what.name, what, is_trouble);
        }
    }

    void look_up(entry& e)
    {
        e.what.addresses->take_doubt();
        auto found = look(e.what.addresses->where());
        if (is_stopping()) {
            return;
        }
        if (!found) {
            if (!e.failing) {
                say(e, "cannot be looked up; the last answer stays in use", true);
            }
            e.failing = true;
        } else if (e.what.addresses->learn(std::move(*found))) {
            say(e, "has moved", false);
        }
        e.failing = e.failing && !found;
    }

    void read_files(entry& e)
    {
        try {
            if (e.what.tls->reload()) {
                say(e, "uses changed certificates", false);
            }
        } catch (const std::runtime_error& why) {
            say(e, why.what(), true);
        }
    }

    void go_round()
    {
        for (entry& e : entries) {
            if (is_stopping()) {
                return;
            }
            const auto now = steady::now();
            const bool doubted = e.has_name && e.what.addresses->is_doubted() && now - e.looked >= between_doubts;
            if (now < e.due && !doubted) {
                continue;
            }
            if (e.has_name) {
                look_up(e);
            }
            if (e.what.tls != nullptr) {
                read_files(e);
            }
            e.looked = steady::now();
            e.due = next_due(e, e.looked);
        }
    }
};

name_keeper::name_keeper(std::vector<item> items, report tell, lookup look) : state_(std::make_shared<state>())
{
    state_->tell = std::move(tell);
    state_->look = std::move(look);
    state_->random = reinterpret_cast<std::uintptr_t>(this);
    const auto now = steady::now();
    for (auto& i : items) {
        const bool has_name = is_name(i.addresses->where());
        if (!has_name && i.tls == nullptr) {
            continue;   // nothing about it can change
        }
        state_->entries.push_back({std::move(i), has_name, false, {}, now});
        state_->entries.back().due = state_->next_due(state_->entries.back(), now);
    }
}

name_keeper::~name_keeper() { stop(); }

void name_keeper::start()
{
    if (!state_->entries.empty()) {
        std::thread(run, state_).detach();   // may be stuck in a lookup when everything else has ended; owns what it uses
    }
}

void name_keeper::stop()
{
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
}

void name_keeper::run(std::shared_ptr<state> s)
{
    for (;;) {
        {
            std::unique_lock lock(s->mutex);
            if (s->changed.wait_for(lock, look_around, [&s] { return s->stopping; })) {
                return;
            }
        }
        s->go_round();
    }
}

}  // namespace tiercel::origin
