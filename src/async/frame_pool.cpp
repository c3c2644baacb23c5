#include "async/frame_pool.hpp"

namespace tiercel::async {

frame_pool::sweeper::~sweeper()
{
    gone = true;
    for (list& l : mine_) {
        while (l.first != nullptr) {
            frame* const f = l.first;
            l.first = f->next;
            ::operator delete(f);
        }
        l.count = 0;
    }
}

bool frame_pool::sweeps_at_exit() noexcept
{
    thread_local sweeper sweep;
    return !sweep.gone;
}

}  // namespace tiercel::async
