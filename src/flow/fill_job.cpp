#include "flow/fill_job.hpp"

#include "flow/variants.hpp"

#include <utility>

namespace tiercel::flow {
namespace {

bool is_no_answer(errc e) noexcept
{
    return fault_of(e) == fault::origin && e != errc::breaker_open && e != errc::origin_busy;
}

}  // namespace

void fill_end::let_go(const l2::fill_news& news)
{
    if (lease_ != nullptr) {
        lease_->release(news);
    }
}

// What this instance refused is not the others' business: the next one may try.
void fill_end::let_go_after(errc e)
{
    if (is_no_answer(e)) {
        let_go({.what = l2::fill_outcome::failed, .why = e});
    } else {
        let_go({});
    }
}

void fill_end::complete(entry_ptr e)
{
    report_.selection = selection_in(*e, job_.rq.view().key);
    leave_table();
    job_.joined->complete(std::move(e), std::move(report_));
}

void fill_end::complete(const kept& k)
{
    report_.stored = k.stored();
    report_.why = k.refused;
    if (k.stored() && report_.what == outcome::miss && k.made->is(entry_flag::negative)) {
        report_.why = detail::negative;
    }
    if (job_.stored != nullptr) {
        discard_if_replaced(*job_.stored, k, job_.rq.view(), cx_);
    }
    complete(k.made);
}

void fill_end::complete_unkept()
{
    leave_table();
    job_.joined->complete(nullptr, std::move(report_));
}

void fill_end::fail(flight_failure f)
{
    process_context& p = cx_.process;
    const request& rq = job_.rq.view();
    if (f.status != 0) {
        let_go({.what = l2::fill_outcome::failed, .why = errc::origin_error, .status = f.status});
    } else {
        let_go_after(f.code);
    }
    const failure how = f.status != 0 ? failure::server_error : failure::unreachable;
    if (f.status == 0 && is_no_answer(f.code)) {
        p.marks.note_failure(rq.hash, f.code, p.time.now(), rq.route->stampede.error_memo);
    }
    if (job_.stored != nullptr && may_serve_on_failure(*job_.stored, how, p.time.now())) {
        report_.what = outcome::stale;
        report_.why = detail::sie;
        complete(job_.stored);
        return;
    }
    leave_table();
    job_.joined->fail(f, std::move(report_));
}

void fill_end::fail_all(const flight_failure& f)
{
    let_go({.what = l2::fill_outcome::failed, .why = f.code, .status = f.status});
    leave_table();
    job_.joined->fail(f, std::move(report_));
}

void fill_end::leave_alone()
{
    leave_table();
    job_.joined->leave_alone(std::move(report_));
}

void fill_end::break_off(errc code, detail why)
{
    let_go_after(code);
    leave_table();
    job_.joined->break_off(code, why);
}

void fill_end::give_up(errc why)
{
    leave_table();
    job_.joined->give_up(why);
}

void fill_end::leave_table() { cx_.process.flights.remove(*job_.joined, job_.hash); }

}  // namespace tiercel::flow
