#pragma once

// Whether all that was published on a channel before now was heard, by this instance or by another. Redis keeps nothing of it, so only an
// instance that listened can tell. They ask each other on a channel of their own, which each hears on the connection that brings the
// events; so whoever hears a question has been given before it what was published before it.
//
//   ?NAME    who has heard everything so far, and carried it out?
//   +NAME    this one
//   -NAME    not this one
//
// Only those say yes who know it of the time before they listened, because somebody told them or because everything was expired; so what
// any of them says is true from the first start on. Who hangs, is cut off or died does not answer. Thread: the intake's.

#include "async/event.hpp"
#include "events/source.hpp"

#include <tiercel/clock.hpp>

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace tiercel::events {

class channel_witness {
public:
    // `channel`: of the instances, for this source. The means outlive this.
    channel_witness(const source_means& m, std::string channel);

    const std::string& channel() const noexcept { return channel_; }
    // A message on it.
    void take(std::string_view word);

    // True: another instance says yes. False: all say no, or nobody does in time. REQUIRES: the channel is heard; one at a time.
    async::task<bool> ask();
    // The connection is lost: whoever asks gets no more answers, and whoever was asked has not heard everything.
    void on_lost();

    bool is_asked() const noexcept { return !questions_.empty(); }
    // Answers those who have asked: with yes if everything is known that was published before they did. `oldest`: when the oldest came
    // of what is not carried out; what is asked later waits for that.
    void answer(bool knows, std::optional<instant> oldest);

private:
    struct question {
        std::string name;
        instant came;
    };
    void say(char what, const std::string& name);
    void end_if_known();

    const source_means& means_;
    const std::string channel_;
    std::deque<question> questions_;       // of others, not answered yet
    std::string asked_;                    // the name of our last question
    std::optional<std::size_t> others_;    // who have heard it, as soon as that is known
    std::size_t denials_ = 0;
    bool is_affirmed_ = false;
    async::event over_;
};

}  // namespace tiercel::events
