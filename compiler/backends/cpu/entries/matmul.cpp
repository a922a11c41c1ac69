// What Python calls: matmuls of every element type, and the making of their activations.
#include "entry.h"
#include "int4.h"
#include "matmul.h"
#include "quantize.h"

using namespace kernels;

enum Kind { INT8 = 0, BF16 = 1, FLOAT32 = 2, INT4 = 3, INT4_BF16 = 4 };  // of the weights; bytes meet INT8 and INT4

// Mirrored by `bindings.MatmulCall`.
struct MatmulCall {
  int32_t kind, activation, half_out, group;
  int64_t rows, k, tiles, columns;  // columns of the result
  const void* x;
  int64_t x_stride;  // bytes
  const float* x_scales;
  const int32_t* x_sums;
  const void* w;
  const void* w_scales;
  const int32_t* w_sums;
  const float* bias;
  const void* residual;
  void* out;  // [rows, columns]
  int32_t* peaks;  // [threads, rows]
};

namespace {

// An epilogue chosen at run time: one copy of each matmul serves all of them. Generated code names its own instead.
struct AnyEpilogue {
  const MatmulCall* call;
  int thread;
  void (*apply)(const AnyEpilogue&, long row, long tile, F (&sums)[V]);
  void operator()(long row, long tile, F (&sums)[V]) const { apply(*this, row, tile, sums); }
};

template <class Out, Activation A>
void apply(const AnyEpilogue& any, long row, long tile, F (&sums)[V]) {
  const MatmulCall& call = *any.call;
  int32_t* peaks = call.peaks ? call.peaks + any.thread * call.rows : nullptr;
  Epilogue<Out, A>{(Out*)call.out, call.columns, call.columns, call.bias, (const Out*)call.residual, peaks}(row, tile, sums);
}

template <class Out>
auto epilogue(Activation activation) {
  switch (activation) {
    case Activation::GELU: return apply<Out, Activation::GELU>;
    case Activation::GELU_TANH: return apply<Out, Activation::GELU_TANH>;
    case Activation::RELU: return apply<Out, Activation::RELU>;
    case Activation::SILU_GATE: return apply<Out, Activation::SILU_GATE>;
    case Activation::GELU_TANH_GATE: return apply<Out, Activation::GELU_TANH_GATE>;
    case Activation::NONE: break;
  }
  return apply<Out, Activation::NONE>;
}

template <class X, class Packed>
void run(const Team& team, const MatmulCall& call, const X& x, const Packed& w) {
  const auto activation = (Activation)call.activation;
  const auto chosen = call.half_out ? epilogue<bf16>(activation) : epilogue<float>(activation);
  matmul(x, w, team.share(call.tiles), AnyEpilogue{&call, team.index, chosen});
}

template <class T>
void run_words(const Team& team, const MatmulCall& call) {
  Rows<T> x{(const int32_t*)call.x, call.x_stride / 4, call.rows, call.x_scales};
  Weights<T> w{(const int32_t*)call.w, (call.k + T::GROUP - 1) / T::GROUP, call.tiles, (const float*)call.w_scales, call.w_sums};
  run(team, call, x, w);
}

void run(const Team& team, const MatmulCall& call) {
  const long groups = call.group ? (call.k + call.group - 1) / call.group : 0;
  const Nibbles nibbles{(const int32_t*)call.w, (const bf16*)call.w_scales, groups, call.group, call.tiles};
  switch (call.kind) {
    case INT8: return run_words<Int8>(team, call);
    case BF16: return run_words<Bf16>(team, call);
    case FLOAT32: return run_words<Float>(team, call);
    case INT4:
      return run(team, call, ByteRows{(const uint8_t*)call.x, call.x_stride, call.rows, call.x_scales, call.x_sums}, nibbles);
    case INT4_BF16: return run(team, call, HalfRows{(const bf16*)call.x, call.x_stride / 2, call.rows}, nibbles);
  }
}

}  // namespace

// One after another in one job of the pool, as a generated step does it: a call may read what the one before it wrote.
ENTRY void matmul_run(Pool* pool, const MatmulCall* calls, int64_t count) {
  pool->run([&](const Team& team) {
    for (long i = 0; i < count; i++) {
      if (i) team.barrier();
      run(team, calls[i]);
    }
  });
}

// x [rows, k] to bytes [rows, stride] with their scales [rows]; what follows k is filled with 128. `peaks` [threads, rows] or NULL.
ENTRY void quantize_run(Pool* pool, const float* x, int64_t rows, int64_t k, uint8_t* out, int64_t stride, float* scales,
                        const int32_t* peaks, int threads) {
  pool->run([&](const Team& team) {
    const Range share = team.share(rows);
    for (long row = share.begin; row < share.end; row++)
      std::memset(out + row * stride + k, ZERO_POINT, stride - k);
    quantize_rows(x, k, out, stride, scales, share, peaks, threads, rows);
  });
}

ENTRY void group_sums_run(Pool* pool, const uint8_t* bytes, int64_t rows, int64_t stride, int64_t group, int64_t groups,
                          int32_t* out) {
  pool->run([&](const Team& team) {
    const Range share = team.share(rows);
    for (long row = share.begin; row < share.end; row++)
      group_sums(bytes + row * stride, group, groups, out + row * groups);
  });
}
