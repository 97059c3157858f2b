"""Rows of static and moving cameras, beside real motion."""

from genmo.train.evaluation.estimation import world_report


def test_static_and_moving_cameras_stand_beside_real_motion(model, clips):
    report = world_report(model, clips[:2])
    assert list(report) == ["static camera", "moving camera", "real motion"]
    for kind in ("static camera", "moving camera"):
        row = report[kind]
        assert {"WA-MPJPE100", "W-MPJPE100", "RTE", "Jitter"} <= set(row)
        assert row["WA-MPJPE100"].value <= row["W-MPJPE100"].value
    assert set(report["real motion"]) <= {"Jitter", "Foot sliding"}
