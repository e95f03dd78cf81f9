"""What the size of a value depends on: the sizes of a node's inputs, or also the numbers in them.

`NonZero` of a query has as many columns as the query has numbers other than 0, and `Shape` makes a number of that. So a
size tells something of the query if the numbers of the query decide it. The sizes of the inputs themselves tell
nothing: the client chose them.
"""

from collections.abc import Collection

import onnx_ir as ir

SHAPES_ONLY = {"Shape", "Size"}

# The result has the place of each number from one input, or from several of the same size: nothing is counted.
IN_PLACE = {
    "Abs", "Acos", "Acosh", "Add", "And", "Asin", "Asinh", "Atan", "Atanh", "Bernoulli", "BitCast", "BitShift",
    "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Cos",
    "Cosh", "DequantizeLinear", "Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Flatten", "Floor", "Gather",
    "GatherElements", "GatherND", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity",
    "IsInf", "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min", "Mish", "Mod", "Mul",
    "Neg", "Not", "Or", "PRelu", "Pow", "QuantizeLinear", "Reciprocal", "Relu", "Reshape", "Round", "Scatter",
    "ScatterElements", "ScatterND", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Slice", "Softplus",
    "Softsign", "Sqrt", "Squeeze", "Sub", "Sum", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Transpose",
    "Unsqueeze", "Where", "Xor",
}  # fmt: skip

# The size of the result depends on nothing but the sizes of the inputs and the attributes.
FIXED = IN_PLACE | {
    "ArgMax", "ArgMin", "Attention", "AveragePool", "BatchNormalization", "CausalConvWithState", "Concat",
    "Constant", "Conv", "ConvInteger", "ConvTranspose", "CumProd", "CumSum", "DeformConv", "DepthToSpace", "Det",
    "DynamicQuantizeLinear", "Einsum", "EyeLike", "Gemm", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool",
    "GridSample", "GroupNormalization", "GRU", "Hardmax", "InstanceNormalization", "LayerNormalization",
    "LinearAttention", "LogSoftmax", "LpNormalization", "LpPool", "LRN", "LSTM", "MatMul", "MatMulInteger",
    "MaxPool", "MaxRoiPool", "MeanVarianceNormalization", "Multinomial", "NegativeLogLikelihoodLoss",
    "QLinearConv", "QLinearMatMul", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
    "ReduceProd", "ReduceSum", "ReduceSumSquare", "RegexFullMatch", "ReverseSequence", "RMSNormalization", "RNN",
    "RoiAlign", "RotaryEmbedding", "Shape", "Size", "Softmax", "SoftmaxCrossEntropyLoss", "SpaceToDepth",
    "StringConcat", "StringNormalizer", "SwiGLU", "TensorScatter", "TfIdfVectorizer", "Trilu",
    "ArrayFeatureExtractor", "Binarizer", "CastMap", "CategoryMapper", "DictVectorizer", "FeatureVectorizer",
    "Imputer", "LabelEncoder", "LinearClassifier", "LinearRegressor", "Normalizer", "OneHotEncoder", "Scaler",
    "SVMClassifier", "SVMRegressor", "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor", "ZipMap",
}  # fmt: skip

# The numbers of these inputs decide the size too. Of an operator that stands nowhere here, those of all inputs may.
DECIDING = {
    "AffineGrid": (1,), "CenterCropPad": (1,), "Col2Im": (1, 2), "ConstantOfShape": (0,), "DFT": (1, 2),
    "Expand": (1,), "MaxUnpool": (2,), "OneHot": (1,), "Pad": (1, 3), "Range": (0, 1, 2), "Reshape": (1,),
    "Resize": (2, 3), "Slice": (1, 2, 3, 4), "Split": (1,), "Squeeze": (1,), "STFT": (1, 3), "Tile": (1,),
    "TopK": (1,), "Unsqueeze": (1,), "Upsample": (1,),
    **{f"Reduce{kind}": (1,) for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum",
                                          "SumSquare")},
}  # fmt: skip

# The result is as large as the first input, whatever the others are.
AS_THE_FIRST = {"CastLike", "CumProd", "CumSum", "Scatter", "ScatterElements", "ScatterND", "TensorScatter", "Trilu"}


def sized_by_sizes(node: ir.Node) -> Collection[int]:
    """List the inputs whose sizes decide the size of a node's results."""
    return range(min(1, len(node.inputs)) if _operator(node) in AS_THE_FIRST else len(node.inputs))


def sized_by_numbers(node: ir.Node) -> Collection[int]:
    """List the inputs whose numbers decide the size of a node's results."""
    operator = _operator(node)
    if operator in DECIDING:
        return [index for index in DECIDING[operator] if index < len(node.inputs)]
    return () if operator in FIXED else range(len(node.inputs))


def counts(node: ir.Node) -> bool:
    """Whether a node may make numbers of the sizes of its inputs, as a sum over ones does."""
    return _operator(node) not in IN_PLACE


def _operator(node: ir.Node) -> str:
    return node.op_type if node.domain in ("", "ai.onnx.ml") else ""
