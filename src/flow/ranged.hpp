#pragma once

// Answers made of ranges of stored content: nothing is copied, what is sent points to where it lies.

#include "flow/client_io.hpp"
#include "flow/context.hpp"
#include "flow/parts.hpp"
#include "flow/request.hpp"

#include "http/range.hpp"

#include <tiercel/entry.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::flow {

// Stored bytes and what stands between them, in the order in which a client gets them.
class gathered {
public:
    void add(entry_ptr from, byte_count at, byte_count size);   // REQUIRES: within its content
    void add(std::string text);
    void add(const part_answer& from, const std::vector<part_piece>& some);   // REQUIRES: the pieces are out of them
    byte_count size() const noexcept { return size_; }

    // The next piece that lies in one place, valid as long as this; empty at the end.
    std::string_view next() noexcept;

private:
    struct run {
        entry_ptr from;          // null: the text
        byte_count at = 0;
        byte_count size = 0;
        std::string text;
    };
    std::vector<run> runs_;
    byte_count size_ = 0;
    std::size_t run_ = 0;        // where next() is
    byte_count offset_ = 0;
};

// Sends io.out() and then that, several pieces at a time.
async::task<answered> send_gathered(answered a, gathered what, client_io& io, client_limits limits);

// A stored whole answer as 206 or 416. REQUIRES: plan.how is not whole.
async::task<answered> send_ranges(const request& rq, entry_ptr e, range_plan plan, answered a, std::string_view origin_age,
                                  client_io& io, client_limits limits);

// Stored parts as 206. REQUIRES: they have no gap.
async::task<answered> send_parts(const request& rq, std::shared_ptr<const part_answer> from, answered a, client_io& io,
                                 client_limits limits);

}  // namespace tiercel::flow
