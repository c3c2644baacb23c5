#include "events/channel_witness.hpp"

#include "coherence/log_state.hpp"

#include <chrono>
#include <utility>

namespace tiercel::events {
namespace {

using namespace std::chrono_literals;
using async::steady;
using async::task;
using redis::reply;

constexpr milliseconds most_patience = 3s;      // with those who have heard a question
constexpr std::size_t most_questions = 1'000;   // beyond, the oldest is not answered, which says no
constexpr std::size_t longest_name = 64;        // that is kept

}  // namespace

channel_witness::channel_witness(const source_means& m, std::string channel)
    : means_(m), channel_(std::move(channel)), over_(m.loop.context(), m.loop.wheel())
{
}

void channel_witness::take(std::string_view word)
{
    if (word.empty() || word.size() > 1 + longest_name) { return; }
    const std::string name(word.substr(1));
    const bool is_ours = name == asked_;
    if (word[0] == '?' && !is_ours) {
        questions_.push_back({name, means_.process.time.now()});
        if (questions_.size() > most_questions) { questions_.pop_front(); }
    } else if (word[0] == '+' && is_ours) {
        is_affirmed_ = true;
        end_if_known();
    } else if (word[0] == '-' && is_ours) {
        ++denials_;
        end_if_known();
    }
}

task<bool> channel_witness::ask()
{
    asked_ = coherence::random_name();
    others_.reset();
    denials_ = 0;
    is_affirmed_ = false;
    over_.reset();
    const std::string word = "?" + asked_;
    redis::command c{"PUBLISH", channel_, word};
    const result<reply> heard = co_await means_.client.call(redis::lane::write, std::move(c));
    if (heard && heard->kind == reply::type::integer && heard->integer > 0) {
        others_ = static_cast<std::size_t>(heard->integer - 1);   // without this one
        end_if_known();
        co_await means_.beside.wait(over_, most_patience);
    }
    co_return is_affirmed_;
}

void channel_witness::end_if_known()
{
    if (is_affirmed_ || (others_ && denials_ >= *others_)) { over_.set(); }
}

void channel_witness::on_lost()
{
    questions_.clear();
    over_.set();
}

void channel_witness::answer(bool knows, std::optional<instant> oldest)
{
    while (!questions_.empty() && (!knows || !oldest || questions_.front().came < *oldest)) {
        say(knows ? '+' : '-', questions_.front().name);
        questions_.pop_front();
    }
}

void channel_witness::say(char what, const std::string& name)
{
    const std::string word = what + name;
    redis::command c{"PUBLISH", channel_, word};
    means_.client.send(redis::lane::write, std::move(c), [](const result<reply>&) {});   // if it is lost, that says no
}

}  // namespace tiercel::events
