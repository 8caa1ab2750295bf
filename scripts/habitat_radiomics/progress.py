"""How far a run has come, in one line: patients through each stage, failures, time left."""

from collections import Counter, defaultdict

SILENCE_SECONDS = 20  # between two lines
STAGES = {
    "images": ("simulate_patient", "preprocess_image", "normalise_image"),
    "regions": ("make_regions",),
    "habitats": ("sample_voxels", "label_habitats", "measure_neighbourhoods", "map_microregion"),
    "features": ("extract_features", "extract_habitats"),
}


class Progress:
    """Counts of what a run has to do, has done and has failed to do.

    Parameters
    ----------
    jobs : dict
        Identifier of every job of the run to its rule and patient (None for a step of the cohort).
    now : callable
        Clock in seconds.
    """

    def __init__(self, jobs, *, now):
        self.jobs = jobs
        self.now = now
        self.begun = self.said = now()
        self.ended = False
        self.started, self.finished, self.failed = {}, set(), set()
        self.seconds = defaultdict(list)

    def start(self, job):
        """Note that a job has started."""
        self.started[job] = self.now()

    def finish(self, job):
        """Note that a job has ended well."""
        if job in self.jobs and job not in self.finished:
            self.finished.add(job)
            self.seconds[self.jobs[job][0]].append(self.now() - self.started.get(job, self.now()))

    def fail(self, job):
        """Note that a job has failed."""
        self.failed.add(job)

    def due(self):
        """Whether it is time for a line: the last one is old enough, or all is done and that was not said yet."""
        done = len(self.finished) == len(self.jobs)
        if self.ended or (self.now() - self.said < SILENCE_SECONDS and not done):
            return False
        self.said, self.ended = self.now(), done
        return True

    def line(self):
        """Return the line: ``patients: images 12/48, features 3/48; cohort steps 0/41; 1 failed; about 6 min left``."""
        stages = [f"{name} {done}/{of}" for name, (done, of) in self._patients().items()]
        cohort = [job for job, (_, patient) in self.jobs.items() if patient is None]
        done = sum(job in self.finished for job in cohort)
        parts = [f"patients: {', '.join(stages)}"] * bool(stages)
        parts += [f"cohort steps {done}/{len(cohort)}"] * bool(cohort)
        parts += [f"{len(self.failed)} failed"] * bool(self.failed)
        return "; ".join([*parts, self._time_left()])

    def _patients(self):
        """By stage: patients all of whose jobs of the stage are done, and patients who have any."""
        stage_of = {rule: stage for stage, rules in STAGES.items() for rule in rules}
        left, everyone = Counter(), defaultdict(set)
        for job, (rule, patient) in self.jobs.items():
            if patient is not None and rule in stage_of:
                everyone[stage_of[rule]].add(patient)
                left[stage_of[rule], patient] += job not in self.finished
        return {
            stage: (sum(not left[stage, patient] for patient in everyone[stage]), len(everyone[stage]))
            for stage in STAGES
            if stage in everyone
        }

    def _time_left(self):
        """Work left at the pace so far; a rule without a finished job counts as the mean of the others."""
        waiting = [job for job in self.jobs if job not in self.finished]
        spent = sum(map(sum, self.seconds.values()))
        if not waiting:
            return f"done in {duration(self.now() - self.begun)}"
        if not spent:
            return "time left not known yet"
        mean = spent / len(self.finished)
        known = {rule: sum(values) / len(values) for rule, values in self.seconds.items()}
        work = sum(known.get(self.jobs[job][0], mean) for job in waiting)
        return f"about {duration(work * (self.now() - self.begun) / spent)} left"


def duration(seconds):
    """Return a duration in the unit that suits it: ``40 s``, ``6 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
