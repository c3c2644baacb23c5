#include "blackbox/load.hpp"

#include "support/process.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace tiercel::test {
namespace {

using clock = std::chrono::steady_clock;

std::string problem_of(const http_response& r, const std::string& expected)
{
    if (r.status != 200) { return "status " + std::to_string(r.status); }
    if (r.body != expected) { return "a body of " + std::to_string(r.body.size()) + " bytes that is not the right one"; }
    return "";
}

}  // namespace

load::load(load_options o) : options_(std::move(o)), results_(options_.clients)
{
    for (records& own : results_) { clients_.emplace_back([this, &own] { ask(own); }); }
}

load::~load()
{
    stop();
}

void load::ask(records& results)
{
    raw_client client(options_.port);
    while (!stopping_) {
        const std::string target = options_.target(begun_++);
        request_record one;
        one.began = clock::now();
        try {
            const http_response r = client.get(target);
            one.took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - one.began);
            one.status = r.status;
            one.cache = cache_status_of(r);
            one.problem = problem_of(r, options_.body ? options_.body(target) : r.body);
        } catch (const std::exception& e) {
            one.took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - one.began);
            one.problem = e.what();
            client.close();
        }
        if (!one.problem.empty()) { one.problem = target + ": " + one.problem; }
        results.push_back(std::move(one));
        ++ended_;
        if (options_.pause.count() > 0) { std::this_thread::sleep_for(options_.pause); }
    }
}

void load::run(std::uint64_t requests)
{
    const std::uint64_t until = ended_ + requests;
    if (!eventually([&] { return ended_ >= until; }, std::chrono::minutes(2))) { throw timed_out("the load does not get on"); }
}

void load::run_for(std::chrono::milliseconds t)
{
    std::this_thread::sleep_for(t);
}

records load::stop()
{
    stopping_ = true;
    records all;
    for (std::thread& c : clients_) { c.join(); }
    clients_.clear();
    for (records& own : results_) { all.insert(all.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end())); }
    results_.clear();
    return all;
}

records between(const records& all, clock::time_point from, clock::time_point to)
{
    records some;
    std::copy_if(all.begin(), all.end(), std::back_inserter(some), [&](const request_record& r) { return from <= r.began && r.began < to; });
    return some;
}

std::chrono::microseconds quantile(const records& all, double share)
{
    if (all.empty()) { throw std::invalid_argument("a quantile of nothing"); }
    std::vector<std::chrono::microseconds> times;
    for (const request_record& r : all) { times.push_back(r.took); }
    const auto at = static_cast<std::size_t>(std::ceil(share * static_cast<double>(times.size()))) - 1;
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(at), times.end());
    return times[at];
}

std::uint64_t count_hits(const records& all, std::string_view detail)
{
    return static_cast<std::uint64_t>(
        std::count_if(all.begin(), all.end(), [&](const request_record& r) { return r.cache.hit && r.cache.detail == detail; }));
}

std::string problems_of(const records& all)
{
    std::string out;
    std::size_t n = 0;
    for (const request_record& r : all) {
        if (!r.problem.empty() && ++n <= 5) { out += r.problem + "\n"; }
    }
    return n > 5 ? out + "and " + std::to_string(n - 5) + " more of " + std::to_string(all.size()) + "\n" : out;
}

}  // namespace tiercel::test
