#pragma once

// Notices that a client has gone while its answer is silent. Otherwise an event stream without events would keep its
// connection to the origin until the next event, or for ever.
//
// The end of what the client sends counts as having gone: whoever listens to events and stops sending has closed the page.

#include "flow/client_io.hpp"
#include "origin/exchange.hpp"

#include <memory>

namespace tiercel::flow {

// While it lives. Ends the exchange's read() with client_gone. REQUIRES: nobody reads from the client meanwhile; both live
// longer. Thread: the loop's only.
class client_watch {
public:
    client_watch(client_io& io, origin::exchange& ex);
    ~client_watch();
    client_watch(const client_watch&) = delete;
    client_watch& operator=(const client_watch&) = delete;

private:
    struct watched {
        client_io* io;
        origin::exchange* ex;      // null: over
    };
    static void wait(std::shared_ptr<watched> w);

    std::shared_ptr<watched> watched_;
};

}  // namespace tiercel::flow
