import numpy as np
import pytest

from skkan.data._raw_table import RawTable, categorical_mask
from skkan.data._table_encoder import TableEncoder

pd = pytest.importorskip("pandas")


def encoder_of(frame, room=8):
    table = RawTable.of(frame)
    mask = categorical_mask(table, "from_dtype")
    names = [str(name) for name in frame.columns]
    return TableEncoder.of(table, mask, names, np.arange(len(frame)), room), table


def frame():
    return pd.DataFrame(
        {
            "size": pd.Categorical(["S", "L", "M", "S"], ["S", "M", "L"], ordered=True),
            "city": ["Rome", None, "Oslo", "Rome"],
            "x": [1.0, np.nan, 3.0, 5.0],
            "n": [1, 2, 3, 4],
        }
    )


def test_decoding_inverts_encoding():
    encoder, table = encoder_of(frame())
    inputs = encoder.inputs(encoder.coded(table))
    decoded = pd.DataFrame(encoder.decoded(inputs), columns=frame().columns)
    assert decoded["size"].tolist() == ["S", "L", "M", "S"]
    assert decoded["city"].isna().tolist() == [False, True, False, False]
    assert decoded["city"].dropna().tolist() == ["Rome", "Oslo", "Rome"]
    np.testing.assert_array_equal(decoded["x"].to_numpy(float), frame()["x"])
    assert encoder.names() == ["size", "city", "x", "x missing", "n"]
    assert encoder.owner.tolist() == [0, 1, 2, 2, 3]


def test_gaps_are_filled_by_the_median_and_marked():
    encoder, table = encoder_of(frame())
    inputs = encoder.inputs(encoder.coded(table))
    np.testing.assert_array_equal(inputs[:, 2], [1.0, 3.0, 3.0, 5.0])
    np.testing.assert_array_equal(inputs[:, 3], [0.0, 1.0, 0.0, 0.0])


def test_unknown_levels_have_a_code_that_no_sample_has():
    encoder, table = encoder_of(frame())
    own = encoder.inputs(encoder.coded(table))
    other = frame().assign(city="Paris")
    unknown = encoder.inputs(encoder.coded(RawTable.of(other)))[:, 1]
    assert len(set(unknown)) == 1
    assert not set(unknown) & set(own[:, 1])


def test_many_levels_are_shared_out_and_every_level_has_codes_of_its_own():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 40, size=2000)
    encoder, table = encoder_of(pd.DataFrame({"k": pd.Categorical(codes)}))
    inputs = encoder.inputs(encoder.coded(table))
    assert inputs.shape[1] == len(encoder.names()) > 5
    assert inputs.max() < 8
    assert len(np.unique(inputs, axis=0)) == 40
    np.testing.assert_array_equal(encoder.decoded(inputs)[:, 0].astype(int), codes)


def test_masks_numbers_and_names_name_the_same_columns():
    table = RawTable.of(frame())
    wanted = [True, True, False, False]
    for given in (wanted, [0, 1], ["size", "city"], [-4, 1], "from_dtype"):
        assert categorical_mask(table, given).tolist() == wanted
    assert not categorical_mask(table, None).any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([True], "mask of 1 columns"),
        ([7], "which is no column"),
        (["colour"], "which X does not have"),
        ([0.5], "must be 'from_dtype', None"),
    ],
)
def test_columns_that_do_not_exist_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        categorical_mask(RawTable.of(frame()), given)


def test_names_need_a_frame():
    with pytest.raises(ValueError, match="columns have no names"):
        categorical_mask(RawTable.of(np.zeros((3, 2))), ["a"])
