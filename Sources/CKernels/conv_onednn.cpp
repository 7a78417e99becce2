// float32 convolution by oneDNN (2.x and 3.x), in the layouts that it prefers; primitives are kept by shape.
#include <array>
#include <dnnl.hpp>
#include <list>
#include <map>
#include <memory>
#include <mutex>

#include "conv.hpp"
#include "gemm.hpp"
#include "scratch.hpp"

namespace fbd {
namespace {

using dnnl::memory;
using Key = std::array<int64_t, 32>;

// An operand as the caller has it and as the primitive wants it.
struct Operand {
  memory::desc plain, wanted;
  dnnl::reorder reorder;  // into the wanted layout for what is read, out of it for what is written
  bool differs() const { return plain != wanted; }
};

struct Plan {
  dnnl::primitive primitive;
  Operand source, weight, destination;
  memory::desc bias, scratchpad;
};

const dnnl::engine &engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::stream &stream() {
  thread_local dnnl::stream own(engine());
  return own;
}

int firstDimension(const fb_conv &v) {
  for (int i = 0; i < 2; ++i)
    if (v.input[i] != 1 || v.output[i] != 1 || v.kernel[i] != 1 || v.pad_begin[i] != 0) return i;
  return 2;
}

// A convolution of some samples, to some output channels or of some groups of a whole one, whose x and y have
// `inPlanes` and `outPlanes` a sample.
struct Piece {
  fb_conv v;
  int64_t inPlanes, outPlanes;
};

// Rows after rows but for the samples, which lie `planes` apart.
memory::desc plainly(const memory::dims &sizes, int64_t planes) {
  memory::dims steps(sizes.size(), 1);
  for (size_t d = sizes.size() - 1; d > 0; --d) steps[d - 1] = steps[d] * (d == 1 ? planes : sizes[d]);
  return memory::desc(sizes, memory::data_type::f32, steps);
}

std::shared_ptr<Plan> makePlan(const Piece &piece, ConvPass pass, bool hasBias) {
  const fb_conv &v = piece.v;
  const auto f32 = memory::data_type::f32;
  const auto any = memory::format_tag::any;
  memory::dims source{v.batch, v.in_channels}, destination{v.batch, v.out_channels}, weight, strides, dilates, left,
      right;
  if (v.groups > 1) weight = {v.groups, v.out_channels / v.groups, v.in_channels / v.groups};
  else weight = {v.out_channels, v.in_channels};
  for (int i = firstDimension(v); i < 3; ++i) {
    source.push_back(v.input[i]);
    destination.push_back(v.output[i]);
    weight.push_back(v.kernel[i]);
    strides.push_back(v.stride[i]);
    dilates.push_back(v.dilation[i] - 1);
    left.push_back(v.pad_begin[i]);
    right.push_back(v.pad_end[i]);
  }
  auto plan = std::make_shared<Plan>();
  plan->source.plain = plainly(source, piece.inPlanes);
  plan->weight.plain = plainly(weight, weight[1]);
  plan->destination.plain = plainly(destination, piece.outPlanes);
  const memory::desc src(source, f32, any), wei(weight, f32, any), dst(destination, f32, any);
  const memory::desc bias = hasBias ? memory::desc({v.out_channels}, f32, memory::format_tag::x) : memory::desc();
  plan->bias = bias;
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto training = dnnl::prop_kind::forward_training;

#if DNNL_VERSION_MAJOR >= 3
  const dnnl::convolution_forward::primitive_desc forward =
      hasBias ? dnnl::convolution_forward::primitive_desc(engine(), training, direct, src, wei, bias, dst, strides,
                                                          dilates, left, right, attributes)
              : dnnl::convolution_forward::primitive_desc(engine(), training, direct, src, wei, dst, strides, dilates,
                                                          left, right, attributes);
#else
  const dnnl::convolution_forward::desc forwardDesc =
      hasBias ? dnnl::convolution_forward::desc(training, direct, src, wei, bias, dst, strides, dilates, left, right)
              : dnnl::convolution_forward::desc(training, direct, src, wei, dst, strides, dilates, left, right);
  const dnnl::convolution_forward::primitive_desc forward(forwardDesc, attributes, engine());
#endif

  switch (pass) {
    case ConvPass::forward:
      plan->primitive = dnnl::convolution_forward(forward);
      plan->source.wanted = forward.src_desc();
      plan->weight.wanted = forward.weights_desc();
      plan->destination.wanted = forward.dst_desc();
      plan->scratchpad = forward.scratchpad_desc();
      break;
    case ConvPass::backwardInput: {
      using Primitive = dnnl::convolution_backward_data;
#if DNNL_VERSION_MAJOR >= 3
      const Primitive::primitive_desc pd(engine(), direct, src, wei, dst, strides, dilates, left, right, forward,
                                         attributes);
#else
      const Primitive::primitive_desc pd(Primitive::desc(direct, src, wei, dst, strides, dilates, left, right),
                                         attributes, engine(), forward);
#endif
      plan->primitive = Primitive(pd);
      plan->source.wanted = pd.diff_src_desc();
      plan->weight.wanted = pd.weights_desc();
      plan->destination.wanted = pd.diff_dst_desc();
      plan->scratchpad = pd.scratchpad_desc();
      break;
    }
    case ConvPass::backwardWeight: {
      using Primitive = dnnl::convolution_backward_weights;
#if DNNL_VERSION_MAJOR >= 3
      const Primitive::primitive_desc pd(engine(), direct, src, wei, dst, strides, dilates, left, right, forward,
                                         attributes);
#else
      const Primitive::primitive_desc pd(Primitive::desc(direct, src, wei, dst, strides, dilates, left, right),
                                         attributes, engine(), forward);
#endif
      plan->primitive = Primitive(pd);
      plan->source.wanted = pd.src_desc();
      plan->weight.wanted = pd.diff_weights_desc();
      plan->destination.wanted = pd.diff_dst_desc();
      plan->scratchpad = pd.scratchpad_desc();
      break;
    }
  }
  auto prepare = [](Operand &operand, bool written) {
    if (!operand.differs()) return;
    const memory::desc &from = written ? operand.wanted : operand.plain, &to = written ? operand.plain : operand.wanted;
    operand.reorder = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
  };
  prepare(plan->source, pass == ConvPass::backwardInput);
  prepare(plan->weight, pass == ConvPass::backwardWeight);
  prepare(plan->destination, pass == ConvPass::forward);
  return plan;
}

// The plans used last; a plan that oneDNN cannot make is remembered as null.
class Plans {
 public:
  std::shared_ptr<Plan> find(const Key &key, const Piece &piece, ConvPass pass, bool hasBias) {
    {
      std::lock_guard<std::mutex> guard(lock);
      auto found = byKey.find(key);
      if (found != byKey.end()) {
        order.splice(order.begin(), order, found->second);
        return found->second->plan;
      }
    }
    std::shared_ptr<Plan> plan;
    try {
      plan = makePlan(piece, pass, hasBias);
    } catch (const dnnl::error &) {
    }
    std::lock_guard<std::mutex> guard(lock);
    if (byKey.count(key)) return plan;
    order.push_front({key, plan});
    byKey[key] = order.begin();
    if (order.size() > kCapacity) {
      byKey.erase(order.back().key);
      order.pop_back();
    }
    return plan;
  }

 private:
  struct Item { Key key; std::shared_ptr<Plan> plan; };
  static constexpr size_t kCapacity = 512;
  std::mutex lock;
  std::list<Item> order;
  std::map<Key, std::list<Item>::iterator> byKey;
};

int64_t multiplications(const fb_conv &v) {
  int64_t count = v.batch * v.out_channels * (v.in_channels / std::max<int64_t>(v.groups, 1));
  for (int d = 0; d < 3; ++d) count *= v.output[d] * v.kernel[d];
  return count;
}

Key makeKey(const Piece &piece, ConvPass pass, bool hasBias) {
  const fb_conv &v = piece.v;
  Key key{};
  size_t i = 0;
  for (int64_t value : {v.batch, v.in_channels, v.out_channels, v.groups, piece.inPlanes, piece.outPlanes,
                        int64_t(pass), int64_t(hasBias)})
    key[i++] = value;
  for (const int64_t *values : {v.input, v.output, v.kernel, v.stride, v.dilation, v.pad_begin, v.pad_end})
    for (int d = 0; d < 3; ++d) key[i++] = values[d];
  return key;
}

Plans &plans() {
  static Plans shared;
  return shared;
}

// `reordered`: the weight as the primitive wants it, or null.
void convolve(const Plan &plan, ConvPass pass, void *source, void *weight, void *reordered, const void *bias,
              void *destination) {
  auto bytes = [](const Operand &operand) {
    return operand.differs() ? (operand.wanted.get_size() + 63) / 64 * 64 : 0;
  };
  const size_t sourceBytes = bytes(plan.source), weightBytes = reordered ? 0 : bytes(plan.weight),
               destinationBytes = bytes(plan.destination);
  Scratch scratch(sourceBytes + weightBytes + destinationBytes + plan.scratchpad.get_size());
  char *room = scratch.as<char>();

  struct Bound { memory plain, wanted; };
  auto bind = [&](const Operand &operand, void *data, size_t size) {
    Bound bound{memory(operand.plain, engine(), data), {}};
    bound.wanted = size ? memory(operand.wanted, engine(), room) : bound.plain;
    room += size;
    return bound;
  };
  Bound src = bind(plan.source, source, sourceBytes), wei = bind(plan.weight, weight, weightBytes),
        dst = bind(plan.destination, destination, destinationBytes);
  if (reordered) wei.wanted = memory(plan.weight.wanted, engine(), reordered);
  dnnl::stream &queue = stream();
  auto load = [&](const Operand &operand, Bound &bound) {
    if (operand.differs()) operand.reorder.execute(queue, bound.plain, bound.wanted);
  };
  auto store = [&](const Operand &operand, Bound &bound) {
    if (operand.differs()) operand.reorder.execute(queue, bound.wanted, bound.plain);
  };
  std::unordered_map<int, memory> arguments;
  if (plan.scratchpad.get_size())
    arguments.emplace(DNNL_ARG_SCRATCHPAD, memory(plan.scratchpad, engine(), room));
  if (pass != ConvPass::backwardInput) load(plan.source, src);
  if (pass != ConvPass::backwardWeight && !reordered) load(plan.weight, wei);
  if (pass != ConvPass::forward) load(plan.destination, dst);
  arguments.emplace(pass == ConvPass::backwardInput ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, src.wanted);
  arguments.emplace(pass == ConvPass::backwardWeight ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, wei.wanted);
  arguments.emplace(pass == ConvPass::forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, dst.wanted);
  if (bias) arguments.emplace(DNNL_ARG_BIAS, memory(plan.bias, engine(), const_cast<void *>(bias)));
  plan.primitive.execute(queue, arguments);
  if (pass == ConvPass::forward) store(plan.destination, dst);
  if (pass == ConvPass::backwardInput) store(plan.source, src);
  if (pass == ConvPass::backwardWeight) store(plan.weight, wei);
  queue.wait();
}

// How many pieces a convolution is cut into for our own threads, since oneDNN's would spin against them.
int64_t pieceCount(const fb_conv &v, int64_t most) {
  constexpr int64_t kWork = int64_t(1) << 21;
  int64_t count = 1;
  while (2 * count <= std::min({int64_t(8), most, multiplications(v) / kWork})) count *= 2;
  return count;
}

}  // namespace

bool convolveOneDNN(const fb_conv &v, ConvPass pass, void *source, void *weight, const void *bias, void *destination) {
  // Samples go their own ways; for the weight's gradient, and a single sample, groups or output channels do.
  const bool byChannels = pass == ConvPass::backwardWeight || (pass == ConvPass::forward && v.batch == 1);
  const int64_t inGroup = v.in_channels / v.groups, outGroup = v.out_channels / v.groups;
  const int64_t unit = !byChannels ? 1 : v.groups > 1 ? outGroup : 16, whole = byChannels ? v.out_channels : v.batch;
  const int64_t units = whole / unit;
  // Every piece of one group's channels reorders the whole input: as few as there are threads (but two with one, too).
  const int64_t most = byChannels ? std::min<int64_t>(units, std::max(2, threadCount())) : units;
  const int64_t wanted = pieceCount(v, most);
  const int64_t share = (units + wanted - 1) / wanted, count = wanted == 1 ? 1 : (units + share - 1) / share;
  const int64_t length = count == 1 ? whole : share * unit;
  struct Run {
    const fb_conv &v;
    ConvPass pass;
    float *source, *weight;
    const float *bias;
    float *destination;
    void *reordered;
    std::shared_ptr<Plan> plan, last;
    int64_t count, sourceStep, weightStep, biasStep, destinationStep;
  } run{v, pass, static_cast<float *>(source), static_cast<float *>(weight), static_cast<const float *>(bias),
        static_cast<float *>(destination), nullptr, nullptr, nullptr, count, 0, 0, 0, 0};
  const auto find = [&](int64_t size) {
    Piece piece{v, v.in_channels, v.out_channels};
    (byChannels ? piece.v.out_channels : piece.v.batch) = size;
    if (byChannels && v.groups > 1) piece.v.groups = size / outGroup, piece.v.in_channels = piece.v.groups * inGroup;
    return plans().find(makeKey(piece, pass, bias != nullptr), piece, pass, bias != nullptr);
  };
  adoptThreadCount(0);
  run.plan = find(length), run.last = find(whole - (count - 1) * length);
  if (!run.plan || !run.last) return false;
  if (byChannels) {
    run.weightStep = length * inGroup * volume(v.kernel), run.biasStep = length;
    if (v.groups > 1) run.sourceStep = length / outGroup * inGroup * volume(v.input);
    run.destinationStep = length * volume(v.output);
  } else {
    run.sourceStep = length * v.in_channels * volume(v.input);
    run.destinationStep = length * v.out_channels * volume(v.output);
  }
  // All samples want the same weight: it is reordered once.
  const Operand &operand = run.plan->weight;
  const bool shares = count > 1 && !byChannels && operand.differs() && operand.wanted == run.last->weight.wanted;
  const Scratch reordered(shares ? operand.wanted.get_size() : 0);
  if (shares) {
    run.reordered = reordered.as<void>();
    memory plain(operand.plain, engine(), weight), result(operand.wanted, engine(), run.reordered);
    operand.reorder.execute(stream(), plain, result);
    stream().wait();
  }
  const auto body = [](void *raw, int64_t i) {
    const Run &run = *static_cast<Run *>(raw);
    convolve(i + 1 < run.count ? *run.plan : *run.last, run.pass, run.source + i * run.sourceStep,
             run.weight + i * run.weightStep, run.reordered, run.bias ? run.bias + i * run.biasStep : nullptr,
             run.destination + i * run.destinationStep);
    if (run.pass != ConvPass::forward) return;
    const int64_t all = run.v.batch * run.v.out_channels * volume(run.v.output), start = i * run.destinationStep;
    rectify(run.v, run.destination + start, i + 1 < run.count ? run.destinationStep : all - start);
  };
  parallelFor(count, body, &run);
  return true;
}

}  // namespace fbd
