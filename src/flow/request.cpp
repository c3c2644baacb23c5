#include "flow/request.hpp"

#include <tiercel/check.hpp>

namespace tiercel::flow {

kept_request::kept_request(const request& original)
    : raw_(original.raw), host_(original.target.host), path_(original.target.path), query_(original.query),
      tenant_(original.tenant), key_(original.key), id_(original.id), from_(*original.from), view_(original)
{
    const auto moved = [&](std::string_view v) {
        const auto at = v.data() - original.raw.data();
        TIERCEL_CHECK(at >= 0 && static_cast<std::size_t>(at) + v.size() <= raw_.size());
        return std::string_view(raw_).substr(static_cast<std::size_t>(at), v.size());
    };
    fields_.reserve(original.head.fields.size());
    for (const field& f : original.head.fields) {
        fields_.push_back({moved(f.name), moved(f.value), f.id});
    }
    view_.raw = raw_;
    view_.head.fields = fields_;
    view_.head.target = moved(original.head.target);
    view_.target.host = host_;
    view_.target.path = path_;
    view_.target.query = query_;
    view_.target.scheme = {};
    view_.query = query_;
    view_.tenant = tenant_;
    view_.key = key_;
    view_.resource = view_.key.substr(0, original.resource.size());
    view_.id = id_;
    view_.upgrade = {};
    view_.own_authority = {};
    view_.from = &from_;
    view_.head.verb = method::get;   // only GET fills (RFC 9110 §9.3.2)
    view_.head.verb_text = "GET";
}

}  // namespace tiercel::flow
