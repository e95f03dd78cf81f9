"""The operators of PyTorch that the code of a stranger may call: they compute values and do nothing else.

What is left out: files, other processes and devices, gradients, sparse and quantised tensors, kernels of one library,
everything that trusts its caller with memory (`set_`, `resize_`, `_reinterpret_tensor`), and whatever is not known to
be needed. Names are those of `aten` and `prims`, without their namespace.
"""

ELEMENTWISE = """
    abs absolute acos acosh add addcdiv addcmul angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh
    atan atan2 atanh bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil celu
    clamp clamp_max clamp_min clip conj conj_physical copysign cos cosh deg2rad digamma div divide elu eq erf erfc
    erfinv exp exp2 expm1 fill fix float_power floor floor_divide fmax fmin fmod frac frexp gcd ge gelu glu greater
    greater_equal gt hardshrink hardsigmoid hardswish hardtanh heaviside hypot i0 igamma igammac imag isclose isfinite
    isinf isnan isneginf isposinf isreal lcm ldexp le leaky_relu lerp less less_equal lgamma log log10 log1p log2
    log_sigmoid log_sigmoid_forward logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit lt
    maximum minimum mish mul multiply mvlgamma nan_to_num ne neg negative nextafter not_equal polar polygamma positive
    pow prelu rad2deg real reciprocal relu relu6 remainder resolve_conj resolve_neg round rrelu rsqrt rsub selu sgn
    sigmoid sign signbit silu sin sinc sinh softplus softshrink sqrt square sub subtract tan tanh threshold
    true_divide trunc where xlogy zero _add_relu _conj _prelu_kernel
"""
REDUCTIONS = """
    all allclose amax amin aminmax any argmax argmin argsort bincount bucketize corrcoef count_nonzero cov cummax
    cummin cumprod cumsum cumulative_trapezoid diff gradient histogram dist equal frobenius_norm histc kthvalue
    linalg_norm linalg_vector_norm logcumsumexp logsumexp max mean median min mode msort nanmean nanmedian nanquantile
    nansum norm norm_except_dim nuclear_norm prod quantile renorm searchsorted segment_reduce sort std std_mean sum
    topk trace trapezoid trapz unique_consecutive unique_dim var var_mean _is_all_true _is_any_true _unique _unique2
"""
MATRICES = """
    addbmm addmm addmv addr baddbmm bilinear block_diag bmm cartesian_prod cdist chain_matmul cholesky
    cholesky_inverse cholesky_solve combinations cosine_similarity cross det dot einsum ger inner inverse kron
    linalg_cholesky linalg_cholesky_ex linalg_cond linalg_cross linalg_det linalg_diagonal linalg_eig linalg_eigh
    linalg_eigvals linalg_eigvalsh linalg_householder_product linalg_inv linalg_inv_ex linalg_lstsq linalg_lu
    linalg_lu_factor linalg_lu_solve linalg_matmul linalg_matrix_exp linalg_matrix_norm linalg_matrix_power
    linalg_matrix_rank linalg_multi_dot linalg_pinv linalg_qr linalg_slogdet linalg_solve linalg_solve_ex
    linalg_solve_triangular linalg_svd linalg_svdvals linalg_tensorinv linalg_tensorsolve linalg_vander linalg_vecdot
    linear logdet lu_solve matmul matrix_exp matrix_power mm mv outer pairwise_distance pdist pinverse qr slogdet svd
    tensordot triangular_solve vander vdot _addmm_activation _cdist_forward _euclidean_dist _linalg_det _linalg_eigh
    _linalg_slogdet _linalg_svd _trilinear
"""
LAYERS = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
    adaptive_max_pool3d affine_grid_generator alpha_dropout avg_pool1d avg_pool2d avg_pool3d batch_norm
    channel_shuffle col2im constant_pad_nd conv1d conv2d conv3d conv_depthwise3d conv_tbc conv_transpose1d
    conv_transpose2d conv_transpose3d convolution dropout embedding embedding_bag embedding_renorm
    feature_alpha_dropout feature_dropout fractional_max_pool2d fractional_max_pool3d grid_sampler grid_sampler_2d
    grid_sampler_3d group_norm gru gru_cell im2col instance_norm layer_norm log_softmax lstm lstm_cell max_pool1d
    max_pool1d_with_indices max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices max_unpool2d
    max_unpool3d native_batch_norm native_channel_shuffle native_dropout native_group_norm native_layer_norm one_hot
    pad pixel_shuffle pixel_unshuffle reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d
    replication_pad2d replication_pad3d rms_norm rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell
    scaled_dot_product_attention slow_conv3d softmax thnn_conv2d upsample_bicubic2d upsample_bilinear2d
    upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_trilinear3d __interpolate
    __upsample __upsample_bilinear __upsample_nearest _adaptive_avg_pool2d _adaptive_avg_pool3d _batch_norm_impl_index
    _batch_norm_no_update _convolution _convolution_mode _embedding_bag _embedding_bag_forward_only _fused_rms_norm
    _log_softmax _masked_softmax _native_batch_norm_legit _native_batch_norm_legit_functional
    _native_batch_norm_legit_no_training _native_multi_head_attention _nested_tensor_from_mask
    _nested_tensor_from_mask_left_aligned _pack_padded_sequence _pad_circular _pad_enum _pad_packed_sequence
    _safe_softmax _scaled_dot_product_attention_math _scaled_dot_product_flash_attention_for_cpu _softmax
    _transformer_encoder_layer_fwd _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact1d
    _upsample_nearest_exact2d _upsample_nearest_exact3d _weight_norm _weight_norm_interface nested_to_padded_tensor
    pad_sequence to_padded_tensor
"""
LOSSES = """
    binary_cross_entropy binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy_loss
    hinge_embedding_loss huber_loss kl_div l1_loss margin_ranking_loss mse_loss multi_margin_loss
    multilabel_margin_loss nll_loss nll_loss2d nll_loss_nd poisson_nll_loss smooth_l1_loss soft_margin_loss
    triplet_margin_loss
"""
SHAPES = """
    adjoint alias as_strided atleast_1d atleast_2d atleast_3d broadcast_shapes broadcast_tensors broadcast_to cat
    chunk clone column_stack concat concatenate contiguous copy detach diag diag_embed diagflat diagonal
    diagonal_scatter argwhere dsplit dstack expand expand_as flatten flip fliplr flipud gather hsplit hstack index
    index_add indices fill_diagonal_ index_copy index_fill index_put index_reduce index_select isin lift lift_fresh
    lift_fresh_copy mH mT masked_fill masked_scatter masked_select matrix_H meshgrid moveaxis movedim narrow
    narrow_copy nonzero nonzero_numpy nonzero_static numpy_T permute put ravel repeat repeat_interleave reshape
    reshape_as roll rot90 row_stack scatter scatter_add scatter_reduce select select_scatter slice slice_scatter split
    split_with_sizes squeeze stack sum_to_size swapaxes swapdims t take take_along_dim tensor_split tile transpose
    tril triu unbind unflatten unfold unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze view view_as
    view_as_complex view_as_real vsplit vstack alias_copy detach_copy diagonal_copy expand_copy permute_copy
    select_copy slice_copy split_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy unsqueeze_copy
    view_copy __derive_index __range_length _dim_arange _grad_sum_to_size _reshape_from_tensor _shape_as_tensor _stack
    _unsafe_index _unsafe_view
"""
MADE = """
    arange as_tensor bartlett_window bernoulli binomial blackman_window cauchy complex empty empty_like empty_permuted
    empty_strided exponential eye full full_like geometric hamming_window hann_window kaiser_window linspace
    log_normal logspace multinomial new_empty new_empty_strided new_full new_ones new_zeros normal ones ones_like
    poisson rand rand_like randint randint_like randn randn_like random randperm range scalar_tensor tensor
    tril_indices triu_indices uniform zeros zeros_like _no_grad_embedding_renorm_ _no_grad_fill_ _no_grad_normal_
    _no_grad_uniform_ _no_grad_zero_
"""
SIGNALS = """
    fft_fft fft_fft2 fft_fftfreq fft_fftn fft_fftshift fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2 fft_ifftn
    fft_ifftshift fft_ihfft fft_ihfft2 fft_ihfftn fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftfreq
    fft_rfftn istft stft _fft_c2c _fft_c2r _fft_r2c special_digamma special_entr special_erf special_erfc
    special_erfcx special_erfinv special_exp2 special_expit special_expm1 special_gammainc special_gammaincc
    special_gammaln special_i0 special_i0e special_i1 special_i1e special_log1p special_log_ndtr special_log_softmax
    special_logit special_logsumexp special_multigammaln special_ndtr special_ndtri special_polygamma special_psi
    special_round special_sinc special_softmax special_xlog1py special_xlogy special_zeta
"""
TYPES_AND_SIZES = """
    can_cast chalf cpu cuda data dequantize device dim dtype element_size get_autocast_dtype get_device
    is_autocast_cpu_enabled is_autocast_enabled is_complex is_conj is_contiguous is_cpu is_cuda is_floating_point
    is_grad_enabled is_inference is_ipu is_leaf is_maia is_meta is_mkldnn is_mps is_mtia is_neg is_nested
    is_non_overlapping_and_dense is_nonzero is_pinned is_quantized is_same_size is_scripting is_signed is_sparse
    is_sparse_csr is_vulkan is_xla is_xpu item itemsize layout local_value name nbytes numel output_nr promote_types
    qscheme requires_grad requires_grad_ result_type set_grad_enabled size storage_offset stride sym_constrain_range
    sym_constrain_range_for_size sym_is_contiguous sym_numel sym_size sym_storage_offset sym_stride to to_dense tolist
    type type_as _assert_async _assert_scalar _assert_tensor_metadata _autocast_to_full_precision
    _autocast_to_reduced_precision _cast_Byte _cast_Char _cast_Double _cast_Float _cast_Half _cast_Int _cast_Long
    _cast_Short _functional_assert_async _functional_assert_scalar _get_tracing_state _local_scalar_dense _to_copy
    _to_cpu _version
"""
# Of TorchScript: numbers, texts, lists and dictionaries, and what it prints, which nobody sees.
LANGUAGE = """
    Bool Complex ComplexImplicit Delete Float FloatImplicit Int IntImplicit NumToTensor Print RaiseException
    ScalarImplicit Size StringIndex TupleIndex TupleUnpack Uninitialized EnumName EnumValue ModuleContainerIndex
    append bin capitalize center chr clear copy count degrees dict divmod endswith expandtabs extend fabs factorial
    find floordiv format gamma get has_torch_function hash hex id index insert isalnum isalpha isdecimal isdigit
    isidentifier islower isnumeric isprintable isspace istitle isupper items join keys len list ljust lower lstrip
    mathremainder modf oct ord partition percentFormat pop popitem radians rangelist remove replace reverse rfind
    rindex rjust rpartition rsplit rstrip seed setdefault sorted splitlines startswith str strip swapcase title
    unchecked_cast unchecked_unwrap_optional update upper values warn zfill __and__ __contains__ __getitem__ __iand__
    __ilshift__ __ior__ __irshift__ __is__ __isnot__ __ixor__ __lshift__ __not__ __or__ __rshift__
    __round_to_zero_floordiv __xor__ _infer_size _list_to_tensor _print _set_item _tensor_to_list _unwrap_optional
"""
PRIMS = """
    broadcast_in_dim cbrt collapse convert_element_type erf_inv iota rev shift_left shift_right_arithmetic split_dim
    view_of
"""

_NAMED = frozenset(
    " ".join(
        (ELEMENTWISE, REDUCTIONS, MATRICES, LAYERS, LOSSES, SHAPES, MADE, SIGNALS, TYPES_AND_SIZES, LANGUAGE, PRIMS)
    ).split()
)


def is_pure(operator: str) -> bool:
    """Whether an operator, named without its namespace, is in the lists, or is the in-place form of one that is."""
    return operator in _NAMED or (operator.removesuffix("_") in _NAMED and not operator.endswith("__"))
